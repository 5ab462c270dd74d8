package peer

import (
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// measure takes one figure between two ends in this process, over loopback TCP unless said otherwise, encrypted if asked to.
func (p *program) measure(c *command) error {
	if c.Procs > 0 {
		runtime.GOMAXPROCS(c.Procs)
	}
	var measured event
	var err error
	switch c.Do {
	case "throughput":
		measured, err = p.throughput(c)
	case "stream_throughput":
		measured, err = p.streamThroughput(c)
	case "urgent":
		measured, err = p.urgent(c)
	case "handshakes":
		measured, err = p.handshakes(c)
	default:
		return errors.New("no such command")
	}
	if err != nil {
		return err
	}
	measured.Event, measured.Procs = "measured", runtime.GOMAXPROCS(0)
	p.tell(measured)
	return nil
}

// throughput measures one direction: on each channel a sender that is never out of messages, counted where they arrive.
func (p *program) throughput(c *command) (event, error) {
	if len(c.Sizes) != len(c.Channels) {
		return event{}, errors.New("there is one size for each channel")
	}
	var messages, bytes atomic.Uint64
	sender, stop, err := p.pair(c, func(_ byte, message []byte) {
		messages.Add(1)
		bytes.Add(uint64(len(message)))
	})
	if err != nil {
		return event{}, err
	}
	for i, channel := range c.Channels {
		go saturate(sender, channel.ID, c.Sizes[i])
	}
	defer stop()
	return count(c, &messages, &bytes), nil
}

// streamThroughput measures one direction of a stream without a connection on it, written in pieces of one size.
func (p *program) streamThroughput(c *command) (event, error) {
	near, far, err := p.streams(c.Secret)
	if err != nil {
		return event{}, err
	}
	defer near.Close()
	defer far.Close()
	var reads, bytes atomic.Uint64
	go func() {
		for buffer := make([]byte, c.Sizes[0]); ; {
			n, err := far.Read(buffer)
			if err != nil {
				return
			}
			reads.Add(1)
			bytes.Add(uint64(n))
		}
	}()
	go func() {
		for piece := Message(0, 0, c.Sizes[0]); ; {
			if _, err := near.Write(piece); err != nil {
				return
			}
		}
	}()
	return count(c, &reads, &bytes), nil
}

// urgent measures how late small messages on the first channel come while the second channel is saturated. Each starts
// with the time at which it was handed over.
func (p *program) urgent(c *command) (event, error) {
	if len(c.Channels) != 2 || len(c.Sizes) != 2 || c.Sizes[0] < stamp {
		return event{}, errors.New("an urgent channel and a bulk channel are measured")
	}
	epoch := time.Now()
	var mutex sync.Mutex
	var measured event
	sender, stop, err := p.pair(c, func(channel byte, message []byte) {
		mutex.Lock()
		defer mutex.Unlock()
		if channel == c.Channels[0].ID {
			sent := binary.LittleEndian.Uint64(message)
			measured.Late = append(measured.Late, time.Since(epoch).Nanoseconds()-int64(sent))
		} else {
			measured.Bytes += uint64(len(message))
		}
	})
	if err != nil {
		return event{}, err
	}
	go saturate(sender, c.Channels[1].ID, c.Sizes[1])
	time.Sleep(warmUp)
	mutex.Lock()
	measured.Bytes = 0
	mutex.Unlock()
	start := time.Now()
	for time.Since(start) < Millis(c.Millis) {
		time.Sleep(betweenUrgent)
		message := make([]byte, c.Sizes[0])
		binary.LittleEndian.PutUint64(message, uint64(time.Since(epoch).Nanoseconds()))
		sender.Send(c.Channels[0].ID, message)
	}
	mutex.Lock()
	defer mutex.Unlock()
	measured.Nanos = time.Since(start).Nanoseconds()
	stop()
	return measured, nil
}

// handshakes makes encrypted streams of pipes in memory, both ends in this process, one pair after the other.
func (p *program) handshakes(c *command) (event, error) {
	start := time.Now()
	var pairs uint64
	for time.Since(start) < Millis(c.Millis) {
		near, far := net.Pipe()
		if _, _, err := p.secureBoth(near, far); err != nil {
			return event{}, err
		}
		if err := errors.Join(near.Close(), far.Close()); err != nil {
			return event{}, err
		}
		pairs++
	}
	return event{Messages: pairs, Nanos: time.Since(start).Nanoseconds()}, nil
}

// pair connects two ends and returns the one that sends, and what ends both.
func (p *program) pair(c *command, received func(byte, []byte)) (Connection, func(), error) {
	near, far, err := p.streams(c.Secret)
	if err != nil {
		return nil, nil, err
	}
	sender := p.library.Connect(near, c.Settings, c.Channels, Events{Received: func(byte, []byte) {}, Failed: func(any) {}})
	receiver := p.library.Connect(far, c.Settings, c.Channels, Events{Received: received, Failed: func(any) {}})
	if err := errors.Join(receiver.Start(), sender.Start()); err != nil {
		return nil, nil, err
	}
	stop := func() {
		// The second one may have ended by itself when the first closed the stream.
		_ = sender.Stop()
		_ = receiver.Stop()
	}
	return sender, stop, nil
}

// saturate sends one message over and over until the connection ends.
func saturate(sender Connection, channel byte, size int) {
	message := Message(channel, 0, size)
	for sender.Send(channel, message) || sender.IsRunning() {
	}
}

// count reads the counters at both ends of the time that is measured.
func count(c *command, messages, bytes *atomic.Uint64) event {
	time.Sleep(warmUp)
	start, firstMessages, firstBytes := time.Now(), messages.Load(), bytes.Load()
	time.Sleep(Millis(c.Millis))
	return event{
		Nanos:    time.Since(start).Nanoseconds(),
		Messages: messages.Load() - firstMessages,
		Bytes:    bytes.Load() - firstBytes,
	}
}

func (p *program) streams(secret bool) (near, far net.Conn, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	if near, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		return nil, nil, err
	}
	if far, err = listener.Accept(); err != nil || !secret {
		return near, far, err
	}
	return p.secureBoth(near, far)
}

func (p *program) secureBoth(plainNear, plainFar net.Conn) (near, far net.Conn, err error) {
	var farErr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		far, _, farErr = p.library.Secure(plainFar, make([]byte, seedLength))
	}()
	near, _, err = p.library.Secure(plainNear, make([]byte, seedLength))
	<-done
	return near, far, errors.Join(err, farErr)
}

const (
	// warmUp lets buffers grow and the scheduler settle before anything is counted.
	warmUp = 200 * time.Millisecond
	// betweenUrgent leaves the line to the bulk nearly all the time.
	betweenUrgent = 2 * time.Millisecond
	// stamp is the length of the time in an urgent message.
	stamp      = 8
	seedLength = 32
)
