package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/p2p/conn"
	"github.com/cosmos/gogoproto/types"

	"mconn.test/interop/peer"
)

// node is a switch with one reactor, on the library's own transport.
type node struct {
	p2p.BaseReactor
	channels []*conn.ChannelDescriptor
	events   peer.NodeEvents
	id       p2p.ID
}

func (library) Node(c peer.NodeConfig, events peer.NodeEvents) (peer.Node, error) {
	nodeKey := p2p.NodeKey{PrivKey: key(c.Seed)}
	info, err := nodeInfo(c, nodeKey.ID())
	if err != nil {
		return nil, err
	}
	transport := p2p.NewMultiplexTransport(info, nodeKey, configOf(c.Settings))
	if c.RefuseDuplicateIP {
		p2p.MultiplexTransportConnFilters(p2p.ConnDuplicateIPFilter())(transport)
	}
	address, err := p2p.NewNetAddressString(p2p.IDAddressString(nodeKey.ID(), c.Listen))
	if err != nil {
		return nil, err
	}
	if err := transport.Listen(*address); err != nil {
		return nil, err
	}
	n := &node{events: events, id: nodeKey.ID()}
	n.BaseReactor = *p2p.NewBaseReactor("interop", n)
	for _, channel := range c.Channels {
		described := descriptor(channel)
		described.MessageType = &types.BytesValue{}
		n.channels = append(n.channels, described)
	}
	return n, n.start(c, transport, info, nodeKey)
}

func (n *node) start(c peer.NodeConfig, transport p2p.Transport, info p2p.NodeInfo, nodeKey p2p.NodeKey) error {
	settings := config.DefaultP2PConfig()
	settings.AllowDuplicateIP = !c.RefuseDuplicateIP
	sw := p2p.NewSwitch(settings, transport, p2p.SwitchPeerFilters(func(_ p2p.IPeerSet, remote p2p.Peer) error {
		if slices.Contains(c.RefuseIDs, string(remote.ID())) {
			return errors.New("unwanted")
		}
		return nil
	}))
	sw.SetLogger(logger{n.events.Refused})
	sw.SetNodeInfo(info)
	sw.SetNodeKey(&nodeKey)
	sw.SetAddrBook(noBook{})
	sw.AddReactor("interop", n)
	return sw.Start()
}

func nodeInfo(c peer.NodeConfig, id p2p.ID) (p2p.DefaultNodeInfo, error) {
	channels, err := hex.DecodeString(c.Info.Channels)
	info := p2p.DefaultNodeInfo{
		ProtocolVersion: p2p.NewProtocolVersion(c.Info.P2P, c.Info.Block, c.Info.App),
		DefaultNodeID:   p2p.ID(c.Info.ID),
		ListenAddr:      c.Info.ListenAddr,
		Network:         c.Info.Network,
		Version:         c.Info.Version,
		Channels:        channels,
		Moniker:         c.Info.Moniker,
		Other:           p2p.DefaultNodeInfoOther{TxIndex: c.Info.TxIndex, RPCAddress: c.Info.RPCAddress},
	}
	if info.DefaultNodeID == "" {
		info.DefaultNodeID = id
	}
	if info.ListenAddr == "" {
		info.ListenAddr = c.Listen
	}
	return info, err
}

func (n *node) ID() string {
	return string(n.id)
}

func (n *node) Dial(address string) error {
	parsed, err := p2p.NewNetAddressString(address)
	if err != nil {
		return err
	}
	return n.Switch.DialPeerWithAddress(parsed)
}

func (n *node) Send(id string, channel byte, message []byte) bool {
	remote := n.Switch.Peers().Get(p2p.ID(id))
	return remote != nil && remote.Send(p2p.Envelope{ChannelID: channel, Message: &types.BytesValue{Value: message}})
}

func (n *node) Drop(id string) {
	if remote := n.Switch.Peers().Get(p2p.ID(id)); remote != nil {
		n.Switch.StopPeerGracefully(remote)
	}
}

func (n *node) GetChannels() []*conn.ChannelDescriptor {
	return n.channels
}

func (n *node) AddPeer(remote p2p.Peer) {
	info := remote.NodeInfo().(p2p.DefaultNodeInfo)
	n.events.Added(peer.NodeInfo{
		P2P:        info.ProtocolVersion.P2P,
		Block:      info.ProtocolVersion.Block,
		App:        info.ProtocolVersion.App,
		ID:         string(info.DefaultNodeID),
		ListenAddr: info.ListenAddr,
		Network:    info.Network,
		Version:    info.Version,
		Channels:   hex.EncodeToString(info.Channels),
		Moniker:    info.Moniker,
		TxIndex:    info.Other.TxIndex,
		RPCAddress: info.Other.RPCAddress,
	}, remote.IsOutbound())
}

func (n *node) RemovePeer(remote p2p.Peer, reason any) {
	n.events.Removed(string(remote.ID()), reason)
}

func (n *node) Receive(e p2p.Envelope) {
	n.events.Received(string(e.Src.ID()), e.ChannelID, e.Message.(*types.BytesValue).Value)
}

// logger finds the refusals among what the switch logs: it tells them to nobody else.
type logger struct {
	refused func(error)
}

func (logger) Debug(string, ...any) {}

func (l logger) Info(message string, keyvals ...any) { l.Error(message, keyvals...) }

func (l logger) Error(message string, keyvals ...any) {
	switch message {
	case "Ignoring inbound connection: already have enough inbound peers":
		l.refused(errors.New(message))
	case "Inbound Peer rejected", "Ignoring inbound connection: error while adding peer", "Peer filter timed out":
		if at := slices.Index(keyvals, any("err")); at >= 0 {
			if err, ok := keyvals[at+1].(error); ok {
				l.refused(err)
				return
			}
		}
		l.refused(fmt.Errorf("%s: %v", message, keyvals))
	}
}

func (l logger) With(...any) log.Logger { return l }

// noBook is the address book of a switch that knows nobody.
type noBook struct{}

func (noBook) AddAddress(_, _ *p2p.NetAddress) error { return nil }
func (noBook) AddPrivateIDs([]string)                {}
func (noBook) AddOurAddress(*p2p.NetAddress)         {}
func (noBook) OurAddress(*p2p.NetAddress) bool       { return false }
func (noBook) MarkGood(p2p.ID)                       {}
func (noBook) RemoveAddress(*p2p.NetAddress)         {}
func (noBook) HasAddress(*p2p.NetAddress) bool       { return false }
func (noBook) Save()                                 {}
