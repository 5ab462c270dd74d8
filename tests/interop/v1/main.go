// Command v1 is the Go end of mconn's interop tests with CometBFT v1.0.1.
package main

import (
	"io"
	"net"

	p2p "github.com/cometbft/cometbft/api/cometbft/p2p/v1"
	types "github.com/cometbft/cometbft/api/cometbft/types/v1"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/libs/protoio"
	"github.com/cometbft/cometbft/p2p/conn"
	"github.com/cosmos/gogoproto/proto"

	"mconn.test/interop/peer"
)

func main() {
	peer.Main(library{})
}

type library struct{}

func (library) Connect(s net.Conn, settings peer.Settings, channels []peer.Channel, events peer.Events) peer.Connection {
	config := conn.DefaultMConnConfig()
	config.SendRate, config.RecvRate = settings.SendRate, settings.RecvRate
	if settings.PacketPayload > 0 {
		config.MaxPacketMsgPayloadSize = settings.PacketPayload
	}
	if settings.PingMillis > 0 {
		config.PingInterval = peer.Millis(settings.PingMillis)
	}
	if settings.PongMillis > 0 {
		config.PongTimeout = peer.Millis(settings.PongMillis)
	}
	descriptors := make([]*conn.ChannelDescriptor, 0, len(channels))
	for _, c := range channels {
		descriptors = append(descriptors, &conn.ChannelDescriptor{
			ID:                  c.ID,
			Priority:            c.Priority,
			SendQueueCapacity:   c.SendQueue,
			RecvMessageCapacity: c.MaxMessage,
		})
	}
	connection := conn.NewMConnectionWithConfig(s, descriptors, events.Received, events.Failed, config)
	connection.SetLogger(log.NewNopLogger())
	return connection
}

func (library) WritePacket(w io.Writer, packet peer.Packet) error {
	_, err := protoio.NewDelimitedWriter(w).WriteMsg(message(packet))
	return err
}

func message(packet peer.Packet) proto.Message {
	switch packet.Kind {
	case "ping":
		return &p2p.Packet{Sum: &p2p.Packet_PacketPing{PacketPing: &p2p.PacketPing{}}}
	case "pong":
		return &p2p.Packet{Sum: &p2p.Packet_PacketPong{PacketPong: &p2p.PacketPong{}}}
	case "msg":
		msg := &p2p.PacketMsg{ChannelID: packet.Channel, EOF: packet.EOF, Data: packet.Data()}
		return &p2p.Packet{Sum: &p2p.Packet_PacketMsg{PacketMsg: msg}}
	case "header":
		return &types.Header{ChainID: "x"}
	default:
		return &p2p.Packet{}
	}
}
