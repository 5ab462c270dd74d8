// Command v1 is the Go end of mconn's interop tests with CometBFT v1.0.1.
package main

import (
	goed25519 "crypto/ed25519"
	"io"
	"net"
	"time"

	packets "github.com/cometbft/cometbft/api/cometbft/p2p/v1"
	types "github.com/cometbft/cometbft/api/cometbft/types/v1"
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/libs/protoio"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/p2p/conn"
	"github.com/cosmos/gogoproto/proto"

	"mconn.test/interop/peer"
)

func main() {
	peer.Main(library{})
}

type library struct{}

func (library) Connect(s net.Conn, settings peer.Settings, channels []peer.Channel, events peer.Events) peer.Connection {
	config := configOf(settings)
	descriptors := make([]*conn.ChannelDescriptor, 0, len(channels))
	for _, c := range channels {
		descriptors = append(descriptors, descriptor(c))
	}
	connection := conn.NewMConnectionWithConfig(s, descriptors, events.Received, events.Failed, config)
	connection.SetLogger(log.NewNopLogger())
	return connection
}

func configOf(settings peer.Settings) conn.MConnConfig {
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
	return config
}

func descriptor(c peer.Channel) *conn.ChannelDescriptor {
	return &conn.ChannelDescriptor{
		ID:                  c.ID,
		Priority:            c.Priority,
		SendQueueCapacity:   c.SendQueue,
		RecvMessageCapacity: c.MaxMessage,
	}
}

func (library) Secure(s net.Conn, seed []byte) (net.Conn, string, error) {
	if err := s.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, "", err
	}
	secret, err := conn.MakeSecretConnection(s, key(seed))
	if err != nil {
		return nil, "", err
	}
	return secret, string(p2p.PubKeyToID(secret.RemotePubKey())), secret.SetDeadline(time.Time{})
}

func key(seed []byte) crypto.PrivKey {
	return ed25519.PrivKey(goed25519.NewKeyFromSeed(seed))
}

func (library) WritePacket(w io.Writer, packet peer.Packet) error {
	_, err := protoio.NewDelimitedWriter(w).WriteMsg(message(packet))
	return err
}

func message(packet peer.Packet) proto.Message {
	switch packet.Kind {
	case "ping":
		return &packets.Packet{Sum: &packets.Packet_PacketPing{PacketPing: &packets.PacketPing{}}}
	case "pong":
		return &packets.Packet{Sum: &packets.Packet_PacketPong{PacketPong: &packets.PacketPong{}}}
	case "msg":
		msg := &packets.PacketMsg{ChannelID: packet.Channel, EOF: packet.EOF, Data: packet.Data()}
		return &packets.Packet{Sum: &packets.Packet_PacketMsg{PacketMsg: msg}}
	case "header":
		return &types.Header{ChainID: "x"}
	default:
		return &packets.Packet{}
	}
}

// patience ends a handshake that hangs, well before the test's own does.
const patience = 10 * time.Second
