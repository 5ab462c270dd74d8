package peer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"sync"
)

// Message is message number `seq` of a channel: a splitmix64 stream, cut to size, that both sides can compute.
func Message(channel byte, seq uint64, size int) []byte {
	words := (size + 7) / 8
	message := make([]byte, 8*words)
	state := uint64(channel)<<32 | seq
	for i := range words {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(message[8*i:], z^z>>31)
	}
	return message[:size]
}

// Digest sums up a stream of messages. Each message is hashed behind its length, so that moved boundaries show.
type Digest struct {
	Channel  byte   `json:"channel"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	SHA256   string `json:"sha256"`
}

type stream struct {
	messages uint64
	bytes    uint64
	hash     hash.Hash
}

func newStream() *stream {
	return &stream{hash: sha256.New()}
}

func (s *stream) add(message []byte) {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(message)))
	s.hash.Write(length[:])
	s.hash.Write(message)
	s.messages++
	s.bytes += uint64(len(message))
}

func (s *stream) digest(channel byte) Digest {
	sum := hex.EncodeToString(s.hash.Sum(nil))
	return Digest{Channel: channel, Messages: s.messages, Bytes: s.bytes, SHA256: sum}
}

// inbox adds up what a connection delivers, channel by channel.
type inbox struct {
	mutex   sync.Mutex
	changed *sync.Cond
	streams map[byte]*stream
	over    bool
}

func newInbox() *inbox {
	in := &inbox{streams: map[byte]*stream{}}
	in.changed = sync.NewCond(&in.mutex)
	return in
}

func (in *inbox) add(channel byte, message []byte) {
	in.mutex.Lock()
	defer in.mutex.Unlock()
	s := in.streams[channel]
	if s == nil {
		s = newStream()
		in.streams[channel] = s
	}
	s.add(message)
	in.changed.Broadcast()
}

// finish tells those who wait that nothing more will come.
func (in *inbox) finish() {
	in.mutex.Lock()
	defer in.mutex.Unlock()
	in.over = true
	in.changed.Broadcast()
}

// await returns the digests once every channel has the wanted number of messages, or the connection is over.
func (in *inbox) await(wanted map[byte]uint64) []Digest {
	in.mutex.Lock()
	defer in.mutex.Unlock()
	for !in.over && !in.has(wanted) {
		in.changed.Wait()
	}
	digests := []Digest{}
	for channel, s := range in.streams {
		digests = append(digests, s.digest(channel))
	}
	return digests
}

func (in *inbox) has(wanted map[byte]uint64) bool {
	for channel, messages := range wanted {
		s := in.streams[channel]
		if messages > 0 && (s == nil || s.messages < messages) {
			return false
		}
	}
	return true
}
