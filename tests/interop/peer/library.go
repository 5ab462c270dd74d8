package peer

import (
	"io"
	"net"
	"time"
)

// Library is what these programs use of one CometBFT release. Its packages have the same names in every release but
// not the same import paths, and each release wants its own dependencies, so every module brings its own.
type Library interface {
	// Connect makes a multiplexed connection over a stream; it is not started.
	Connect(stream net.Conn, settings Settings, channels []Channel, events Events) Connection
	// WritePacket writes one packet with the library's own message types and length prefix.
	WritePacket(w io.Writer, packet Packet) error
	// Secure makes an encrypted stream of a plain one, with the key of a seed, and returns the other side's id with it.
	Secure(stream net.Conn, seed []byte) (net.Conn, string, error)
	// Node makes a switch with one reactor over a transport that listens, and starts it.
	Node(config NodeConfig, events NodeEvents) (Node, error)
}

// Connection is the part of the library's MConnection that is used here.
type Connection interface {
	Start() error
	Stop() error
	FlushStop()
	IsRunning() bool
	Send(channel byte, message []byte) bool
}

// Node is the part of the library's Switch that is used here.
type Node interface {
	// Dial connects to `id@host:port`; the error tells why the transport or the switch refused.
	Dial(address string) error
	// Send wraps a message in BytesValue and hands it to the peer of an id.
	Send(id string, channel byte, message []byte) bool
	// Drop ends the connection to the peer of an id.
	Drop(id string)
	ID() string
}

// Events are the callbacks of a connection. Received is called on its reader, and the message is valid only meanwhile.
type Events struct {
	Received func(channel byte, message []byte)
	Failed   func(reason any)
}

// NodeEvents are the callbacks of a node. Messages are what BytesValue held.
type NodeEvents struct {
	Added    func(peer NodeInfo, outbound bool)
	Removed  func(id string, reason any)
	Received func(id string, channel byte, message []byte)
	// Refused is called for every connection that the switch did not take.
	Refused func(err error)
}

// Settings of a connection. A rate of 0 is no limit; any other field at 0 keeps the library's default.
type Settings struct {
	SendRate      int64 `json:"send_rate"`
	RecvRate      int64 `json:"recv_rate"`
	PacketPayload int   `json:"packet_payload"`
	PingMillis    int64 `json:"ping_millis"`
	PongMillis    int64 `json:"pong_millis"`
}

// Channel describes a channel of a connection.
type Channel struct {
	ID         byte `json:"id"`
	Priority   int  `json:"priority"`
	SendQueue  int  `json:"send_queue"`
	MaxMessage int  `json:"max_message"`
}

// NodeInfo has every field of the library's.
type NodeInfo struct {
	P2P        uint64 `json:"p2p"`
	Block      uint64 `json:"block"`
	App        uint64 `json:"app"`
	ID         string `json:"id"`
	ListenAddr string `json:"listen_addr"`
	Network    string `json:"network"`
	Version    string `json:"version"`
	// Channels in hex.
	Channels   string `json:"channels"`
	Moniker    string `json:"moniker"`
	TxIndex    string `json:"tx_index"`
	RPCAddress string `json:"rpc_address"`
}

// NodeConfig describes a node.
type NodeConfig struct {
	// Seed of the node's key.
	Seed []byte `json:"-"`
	// Listen is the address to listen on, a free one on loopback where it is empty.
	Listen string `json:"listen"`
	// Info is sent as it is, except that an empty id or listen address stands for the true one.
	Info     NodeInfo  `json:"info"`
	Channels []Channel `json:"channels"`
	Settings Settings  `json:"settings"`
	// RefuseDuplicateIP and RefuseIDs are the library's connection filter and a peer filter.
	RefuseDuplicateIP bool     `json:"refuse_duplicate_ip"`
	RefuseIDs         []string `json:"refuse_ids"`
}

// Packet describes a packet that the library's encoder is to write, whether or not a connection would.
type Packet struct {
	// Kind is "ping", "pong", "msg", "none" (no member set) or "header" (a block header, no packet at all).
	Kind    string `json:"kind"`
	Channel int32  `json:"channel"`
	EOF     bool   `json:"eof"`
	Size    int    `json:"size"`
}

// Data is the payload of a "msg" packet.
func (p Packet) Data() []byte {
	return Message(byte(p.Channel), 0, p.Size)
}

// Millis converts a number from a command.
func Millis(n int64) time.Duration {
	return time.Duration(n) * time.Millisecond
}
