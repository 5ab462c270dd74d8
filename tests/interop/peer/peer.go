// Package peer is the Go end of mconn's interop tests: a program that obeys JSON commands, one a line, on standard
// input and answers with JSON events on standard output. It drives the MConnection, the SecretConnection or the Switch of
// the CometBFT release that it is given, or writes whatever bytes it is told to in a connection's place.
package peer

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Main obeys standard input until it ends. A command that cannot be obeyed ends the program with an error.
func Main(library Library) {
	p := &program{library: library, out: json.NewEncoder(os.Stdout)}
	commands := json.NewDecoder(os.Stdin)
	for {
		var c command
		if err := commands.Decode(&c); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			fail(err)
		}
		if err := p.obey(&c); err != nil {
			fail(fmt.Errorf("%s: %w", c.Do, err))
		}
	}
}

type command struct {
	Do string `json:"do"`
	// Address to dial; the program listens on a free loopback port where it is empty.
	Address string `json:"address"`
	// Secret puts the library's SecretConnection between the socket and what runs on it.
	Secret bool `json:"secret"`
	// Seed in hex, of the key that Secret and "node" use.
	Seed     string          `json:"seed"`
	Settings Settings        `json:"settings"`
	Channels []Channel       `json:"channels"`
	Channel  byte            `json:"channel"`
	Sizes    []int           `json:"sizes"`
	Total    int             `json:"total"`
	Messages uint64          `json:"messages"`
	Millis   int64           `json:"millis"`
	Wanted   map[byte]uint64 `json:"wanted"`
	Hex      string          `json:"hex"`
	Packets  []Packet        `json:"packets"`
	Node     NodeConfig      `json:"node"`
	ID       string          `json:"id"`
	// Procs is the number of processors to use, 0 for all.
	Procs int `json:"procs"`
}

type event struct {
	Event    string   `json:"event"`
	Address  string   `json:"address,omitempty"`
	ID       string   `json:"id,omitempty"`
	Text     string   `json:"text,omitempty"`
	Kinds    []string `json:"kinds,omitempty"`
	Refused  bool     `json:"refused,omitempty"`
	Bytes    uint64   `json:"bytes,omitempty"`
	Messages uint64   `json:"messages,omitempty"`
	Nanos    int64    `json:"nanos,omitempty"`
	// Late holds the nanoseconds that each urgent message took.
	Late     []int64   `json:"late,omitempty"`
	Procs    int       `json:"procs,omitempty"`
	Digests  []Digest  `json:"digests,omitempty"`
	Info     *NodeInfo `json:"info,omitempty"`
	Outbound bool      `json:"outbound,omitempty"`
}

type program struct {
	library Library
	mutex   sync.Mutex
	out     *json.Encoder
	socket  net.Conn
	// stream is the socket, or the encrypted stream on it.
	stream     net.Conn
	connection Connection
	node       Node
	inbox      *inbox
}

func (p *program) obey(c *command) error {
	switch c.Do {
	case "connect":
		return p.connect(c)
	case "raw":
		return p.raw(c)
	case "send":
		go p.send(c)
	case "await":
		go func() { p.tell(event{Event: "received", Digests: p.inbox.await(c.Wanted)}) }()
	case "flush_stop":
		p.connection.FlushStop()
		p.tell(event{Event: "stopped"})
	case "stop":
		err := p.connection.Stop()
		p.tell(event{Event: "stopped"})
		return err
	case "write":
		bytes, err := hex.DecodeString(c.Hex)
		if err != nil {
			return err
		}
		return p.written(p.stream.Write(bytes))
	case "packets":
		return p.packets(c.Packets)
	case "close_write":
		return p.socket.(*net.TCPConn).CloseWrite()
	case "close":
		return p.socket.Close()
	case "node", "dial", "node_send", "drop":
		return p.obeyNode(c)
	case "stream", "write_stream", "read_stream", "echo_stream":
		return p.obeyStream(c)
	default:
		return p.measure(c)
	}
	return nil
}

// connect opens a stream and runs the library's connection on it.
func (p *program) connect(c *command) error {
	id, err := p.open(c)
	if err != nil {
		return p.refused(err)
	}
	p.inbox = newInbox()
	p.connection = p.library.Connect(p.stream, c.Settings, c.Channels, Events{
		Received: p.inbox.add,
		Failed: func(reason any) {
			p.tell(event{Event: "failed", Text: fmt.Sprint(reason)})
			p.inbox.finish()
		},
	})
	if err := p.connection.Start(); err != nil {
		return err
	}
	p.tell(event{Event: "connected", ID: id})
	return nil
}

// raw opens a stream on which nothing is sent but what "write" and "packets" say, and reports when the other side ends it.
func (p *program) raw(c *command) error {
	id, err := p.open(c)
	if err != nil {
		return p.refused(err)
	}
	p.tell(event{Event: "connected", ID: id})
	go func() {
		n, err := io.Copy(io.Discard, p.stream)
		p.tell(event{Event: "ended", Bytes: uint64(n), Text: textOf(err)})
	}()
	return nil
}

// open dials or accepts a stream, and encrypts it if asked to. The id is the other side's then.
func (p *program) open(c *command) (id string, err error) {
	if p.socket, err = p.socketOf(c.Address); err != nil || !c.Secret {
		p.stream = p.socket
		return "", err
	}
	seed, err := hex.DecodeString(c.Seed)
	if err != nil {
		return "", err
	}
	p.stream, id, err = p.library.Secure(p.socket, seed)
	if err != nil {
		p.socket.Close()
	}
	return id, err
}

func (p *program) socketOf(address string) (net.Conn, error) {
	if address != "" {
		return net.Dial("tcp", address)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	p.tell(event{Event: "listening", Address: listener.Addr().String()})
	return listener.Accept()
}

// refused reports that the two sides did not come together, which is not an error of the program.
func (p *program) refused(err error) error {
	p.tell(event{Event: "refused", Text: err.Error(), Kinds: kindsOf(err)})
	return nil
}

func textOf(err error) string {
	if err == nil {
		return "EOF"
	}
	return err.Error()
}

// send hands a channel's messages to the connection, for a number of messages or a time, whichever is set.
func (p *program) send(c *command) {
	sent, refused := newStream(), false
	for until := time.Now().Add(Millis(c.Millis)); !refused; {
		if c.Messages > 0 && sent.messages == c.Messages || c.Millis > 0 && time.Now().After(until) {
			break
		}
		message := Message(c.Channel, sent.messages, c.Sizes[sent.messages%uint64(len(c.Sizes))])
		// The library gives a blocked message up after 10 s; it was not queued then and may be handed over again.
		for !p.connection.Send(c.Channel, message) {
			if refused = !p.connection.IsRunning(); refused {
				break
			}
		}
		if !refused {
			sent.add(message)
		}
	}
	p.tell(event{Event: "sent", Refused: refused, Digests: []Digest{sent.digest(c.Channel)}})
}

func (p *program) packets(packets []Packet) error {
	for _, packet := range packets {
		if err := p.library.WritePacket(p.stream, packet); err != nil {
			return p.written(0, err)
		}
	}
	return p.written(0, nil)
}

// written reports a finished write. The other side may have refused the bytes before it saw the last of them.
func (p *program) written(_ int, err error) error {
	if err != nil {
		p.tell(event{Event: "written", Text: err.Error()})
	} else {
		p.tell(event{Event: "written"})
	}
	return nil
}

func (p *program) tell(e event) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if err := p.out.Encode(e); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
