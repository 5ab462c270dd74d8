package peer

import (
	"errors"
	"io"
)

// obeyStream uses an encrypted stream by itself. What a stream carries is one message of a channel, cut into writes of
// any sizes and read back with any others, so that no boundary of the two sides agrees.
func (p *program) obeyStream(c *command) error {
	switch c.Do {
	case "stream":
		id, err := p.open(c)
		if err != nil {
			return p.refused(err)
		}
		p.tell(event{Event: "connected", ID: id})
	case "write_stream":
		go p.tellStream("wrote", c.Channel, func() ([]byte, error) {
			return writeInPieces(p.stream, Message(c.Channel, 0, c.Total), c.Sizes)
		})
	case "read_stream":
		go p.tellStream("read", c.Channel, func() ([]byte, error) {
			return readInPieces(p.stream, c.Total, c.Sizes)
		})
	case "echo_stream":
		go func() {
			n, err := io.Copy(p.stream, p.stream)
			p.tell(event{Event: "echoed", Bytes: uint64(n), Text: textOf(err)})
		}()
	default:
		return errors.New("no such command")
	}
	return nil
}

func (p *program) tellStream(name string, channel byte, work func() ([]byte, error)) {
	bytes, err := work()
	whole := newStream()
	whole.add(bytes)
	told := event{Event: name, Digests: []Digest{whole.digest(channel)}}
	if err != nil {
		told.Text = err.Error()
	}
	p.tell(told)
}

func writeInPieces(w io.Writer, bytes []byte, sizes []int) ([]byte, error) {
	for at, i := 0, 0; at < len(bytes); i++ {
		end := min(at+sizes[i%len(sizes)], len(bytes))
		if n, err := w.Write(bytes[at:end]); err != nil {
			return bytes[:at+n], err
		}
		at = end
	}
	return bytes, nil
}

// readInPieces reads until it has the total. One read may give less than its size.
func readInPieces(r io.Reader, total int, sizes []int) ([]byte, error) {
	bytes := make([]byte, total)
	for at, i := 0, 0; at < total; i++ {
		n, err := r.Read(bytes[at:min(at+sizes[i%len(sizes)], total)])
		at += n
		if err != nil {
			return bytes[:at], err
		}
	}
	return bytes, nil
}
