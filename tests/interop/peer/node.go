package peer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
)

// obeyNode drives a switch with one reactor, which sends every message back.
func (p *program) obeyNode(c *command) error {
	switch c.Do {
	case "node":
		return p.startNode(c)
	case "dial":
		go func() {
			if err := p.node.Dial(c.Address); err != nil {
				_ = p.refused(err)
			} else {
				p.tell(event{Event: "dialed"})
			}
		}()
	case "node_send":
		for seq := range c.Messages {
			message := Message(c.Channel, seq, c.Sizes[seq%uint64(len(c.Sizes))])
			if !p.node.Send(c.ID, c.Channel, message) {
				p.tell(event{Event: "sent", Refused: true, Messages: seq})
				return nil
			}
		}
		p.tell(event{Event: "sent", Messages: c.Messages})
	case "drop":
		p.node.Drop(c.ID)
		p.tell(event{Event: "dropped"})
	}
	return nil
}

func (p *program) startNode(c *command) error {
	seed, err := hex.DecodeString(c.Seed)
	if err != nil {
		return err
	}
	config := c.Node
	config.Seed = seed
	if config.Listen == "" {
		if config.Listen, err = freeAddress(); err != nil {
			return err
		}
	}
	p.inbox = newInbox()
	p.node, err = p.library.Node(config, NodeEvents{
		Added: func(info NodeInfo, outbound bool) {
			p.tell(event{Event: "added", ID: info.ID, Info: &info, Outbound: outbound})
		},
		Removed: func(id string, reason any) {
			p.tell(event{Event: "removed", ID: id, Text: fmt.Sprint(reason)})
		},
		Received: func(id string, channel byte, message []byte) {
			p.inbox.add(channel, message)
			p.node.Send(id, channel, message)
		},
		Refused: func(err error) { _ = p.refused(err) },
	})
	if err != nil {
		return err
	}
	p.tell(event{Event: "node", Address: config.Listen, ID: p.node.ID()})
	return nil
}

// freeAddress finds a port to listen on, since the library's transport reports port 0 as it was given.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// rejection is the library's ErrRejected.
type rejection interface {
	IsAuthFailure() bool
	IsDuplicate() bool
	IsFiltered() bool
	IsIncompatible() bool
	IsNodeInfoInvalid() bool
	IsSelf() bool
}

// kindsOf names the predicates that hold for a rejection.
func kindsOf(err error) []string {
	var r rejection
	if !errors.As(err, &r) {
		return nil
	}
	kinds := []string{}
	for _, kind := range []struct {
		holds bool
		name  string
	}{
		{r.IsAuthFailure(), "auth_failure"},
		{r.IsDuplicate(), "duplicate"},
		{r.IsFiltered(), "filtered"},
		{r.IsIncompatible(), "incompatible"},
		{r.IsNodeInfoInvalid(), "node_info_invalid"},
		{r.IsSelf(), "self"},
	} {
		if kind.holds {
			kinds = append(kinds, kind.name)
		}
	}
	return kinds
}
