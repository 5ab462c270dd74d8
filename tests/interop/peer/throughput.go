package peer

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// throughput measures one direction of two connections of this process over loopback TCP: one sender that is never out
// of messages, counted where they arrive.
func (p *program) throughput(c *command) error {
	if len(c.Sizes) != 1 || len(c.Channels) != 1 {
		return errors.New("one channel and one size are measured at a time")
	}
	near, far, err := streams()
	if err != nil {
		return err
	}
	var messages, bytes atomic.Uint64
	sender := p.library.Connect(near, c.Settings, c.Channels, Events{Received: func(byte, []byte) {}, Failed: func(any) {}})
	receiver := p.library.Connect(far, c.Settings, c.Channels, Events{
		Received: func(_ byte, message []byte) {
			messages.Add(1)
			bytes.Add(uint64(len(message)))
		},
		Failed: func(any) {},
	})
	if err := errors.Join(receiver.Start(), sender.Start()); err != nil {
		return err
	}
	var done atomic.Bool
	message := Message(c.Channels[0].ID, 0, c.Sizes[0])
	go func() {
		for !done.Load() && sender.Send(c.Channels[0].ID, message) {
		}
	}()
	time.Sleep(warmUp)
	start, firstMessages, firstBytes := time.Now(), messages.Load(), bytes.Load()
	time.Sleep(Millis(c.Millis))
	measured := event{Event: "measured", Nanos: time.Since(start).Nanoseconds()}
	measured.Messages, measured.Bytes = messages.Load()-firstMessages, bytes.Load()-firstBytes
	done.Store(true)
	// The second one may have ended by itself when the first closed the stream.
	_ = sender.Stop()
	_ = receiver.Stop()
	p.tell(measured)
	return nil
}

func streams() (near, far net.Conn, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	near, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	far, err = listener.Accept()
	return near, far, err
}

// warmUp lets buffers grow and the scheduler settle before anything is counted.
const warmUp = 200 * time.Millisecond
