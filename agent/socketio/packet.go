package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// kind is a Socket.IO packet's type: the digit that starts it.
type kind byte

const (
	kindConnect kind = iota
	kindDisconnect
	kindEvent
	kindAck
	kindConnectError
	kindBinaryEvent
	kindBinaryAck
)

const (
	// sendAttachments is how many binary values one message may carry: npm's parser ends the session past 10.
	sendAttachments = 10
	// receiveAttachments is the same for what others send; MaxPayload bounds their bytes.
	receiveAttachments = 64
	// noID marks a packet that asks for no acknowledgement.
	noID = -1
)

func (k kind) binary() bool  { return k == kindBinaryEvent || k == kindBinaryAck }
func (k kind) isEvent() bool { return k == kindEvent || k == kindBinaryEvent }
func (k kind) isAck() bool   { return k == kindAck || k == kindBinaryAck }

// packet is one Socket.IO packet.
type packet struct {
	kind      kind
	namespace string
	id        int64             // of the acknowledgement; noID for none
	args      []json.RawMessage // of an event (its name first) or an acknowledgement
	data      json.RawMessage   // of the other kinds; nil for none
	expected  int               // how many attachments belong to it
	attached  [][]byte
}

// frames encodes the packet as Engine.IO messages.
func (p packet) frames() []frame {
	b := []byte{engineMessage, '0' + byte(p.kind)}
	if p.kind.binary() {
		b = append(strconv.AppendInt(b, int64(p.expected), 10), '-')
	}
	if p.namespace != "/" {
		b = append(append(b, p.namespace...), ',')
	}
	if p.id != noID {
		b = strconv.AppendInt(b, p.id, 10)
	}
	b = append(b, p.data...)
	if p.kind.isEvent() || p.kind.isAck() {
		b = append(b, '[')
		b = append(b, bytes.Join(rawBytes(p.args), []byte{','})...)
		b = append(b, ']')
	}
	fs := []frame{{data: b}}
	for _, a := range p.attached {
		fs = append(fs, frame{binary: true, data: a})
	}
	return fs
}

func rawBytes(args []json.RawMessage) [][]byte {
	bs := make([][]byte, len(args))
	for i, a := range args {
		bs[i] = a
	}
	return bs
}

// decodePacket reads the text of a packet, without the Engine.IO byte; its attachments follow in frames of their own.
func decodePacket(s []byte) (packet, error) {
	p := packet{namespace: "/", id: noID}
	if !utf8.Valid(s) {
		return p, fmt.Errorf("%w: packet is not UTF-8", ErrProtocol)
	}
	if len(s) == 0 || s[0] < '0' || s[0] > '6' {
		return p, fmt.Errorf("%w: packet %.20q has no known type", ErrProtocol, s)
	}
	p.kind, s = kind(s[0]-'0'), s[1:]
	s, err := p.decodeExpected(s)
	if err != nil {
		return p, err
	}
	s = p.decodeNamespace(s)
	if s, err = p.decodeID(s); err != nil {
		return p, err
	}
	return p, p.decodeData(s)
}

func (p *packet) decodeExpected(s []byte) ([]byte, error) {
	if !p.kind.binary() {
		return s, nil
	}
	count, rest, _ := bytes.Cut(s, []byte{'-'})
	n, err := strconv.ParseUint(string(count[:min(len(count), 4)]), 10, 16)
	if err != nil || n < 1 || n > receiveAttachments {
		return nil, fmt.Errorf("%w: %.20q attachments", ErrProtocol, count)
	}
	p.expected = int(n)
	return rest, nil
}

func (p *packet) decodeNamespace(s []byte) []byte {
	if len(s) == 0 || s[0] != '/' {
		return s
	}
	namespace, rest, _ := bytes.Cut(s, []byte{','})
	namespace, _, _ = bytes.Cut(namespace, []byte{'?'}) // the query that revision 4 put here
	p.namespace = string(namespace)
	return rest
}

func (p *packet) decodeID(s []byte) ([]byte, error) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n == 0 {
		return s, nil
	}
	id, err := strconv.ParseInt(string(s[:n]), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: acknowledgement number %.20q", ErrProtocol, s[:n])
	}
	p.id = id
	return s[n:], nil
}

func (p *packet) decodeData(s []byte) error {
	switch {
	case p.kind.isEvent():
		return p.decodeEvent(s)
	case p.kind.isAck():
		return p.decodeAck(s)
	case len(s) == 0:
		return nil
	case p.kind == kindDisconnect || !json.Valid(s):
		return fmt.Errorf("%w: malformed data in packet of type %d", ErrProtocol, p.kind)
	}
	p.data = json.RawMessage(s)
	return nil
}

func (p *packet) decodeEvent(s []byte) error {
	if err := p.decodeArgs(s); err != nil {
		return err
	}
	if len(p.args) == 0 || p.args[0][0] != '"' {
		return fmt.Errorf("%w: event without a name", ErrProtocol)
	}
	return nil
}

func (p *packet) decodeAck(s []byte) error {
	if p.id == noID {
		return fmt.Errorf("%w: acknowledgement without a number", ErrProtocol)
	}
	if len(s) == 0 {
		return nil
	}
	return p.decodeArgs(s)
}

func (p *packet) decodeArgs(s []byte) error {
	s = bytes.TrimLeft(s, " \t\r\n")
	if len(s) == 0 || s[0] != '[' {
		return fmt.Errorf("%w: arguments are not a list", ErrProtocol)
	}
	if err := json.Unmarshal(s, &p.args); err != nil {
		return fmt.Errorf("%w: arguments: %w", ErrProtocol, err)
	}
	return nil
}
