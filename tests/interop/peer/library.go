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
}

// Connection is the part of the library's MConnection that is used here.
type Connection interface {
	Start() error
	Stop() error
	FlushStop()
	IsRunning() bool
	Send(channel byte, message []byte) bool
}

// Events are the callbacks of a connection. Received is called on its reader, and the message is valid only meanwhile.
type Events struct {
	Received func(channel byte, message []byte)
	Failed   func(reason any)
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
