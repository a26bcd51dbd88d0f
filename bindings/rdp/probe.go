package rdp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// The protocols of a negotiation, and the reasons for which a server breaks it off, by the numbers of [MS-RDPBCGR] 2.2.1.
const (
	protocolClassic  = 0x0
	protocolTLS      = 0x1
	protocolNLA      = 0x2
	protocolNLAEarly = 0x8

	negotiationRequest  = 1
	negotiationResponse = 2
	negotiationFailure  = 3

	failureNoCertificate = 3
	failureNLARequired   = 5
)

// offer is what a server lets clients use.
type offer struct {
	Security    string `lua:"security"`
	NLA         bool   `lua:"nla"`
	TLS         bool   `lua:"tls"`
	Classic     bool   `lua:"classic"`
	Certificate bool   `lua:"certificate"`
}

// negotiate asks for everything, then for TLS alone, then for nothing: a server tells only what it picks.
func (m *module) negotiate(ctx context.Context, port int) (offer, error) {
	best, err := m.ask(ctx, port, protocolTLS|protocolNLA|protocolNLAEarly)
	if err != nil {
		return offer{}, err
	}
	tls, err := m.ask(ctx, port, protocolTLS)
	if err != nil {
		return offer{}, err
	}
	classic, err := m.ask(ctx, port, protocolClassic)
	if err != nil {
		return offer{}, err
	}
	return summarize(best, tls, classic), nil
}

// summarize puts three answers together.
func summarize(best, tls, classic reply) offer {
	o := offer{
		NLA:         best.failure == 0 && best.selected&(protocolNLA|protocolNLAEarly) != 0,
		TLS:         tls.failure == 0 && tls.selected == protocolTLS,
		Classic:     classic.failure == 0 && classic.selected == protocolClassic,
		Certificate: best.failure != failureNoCertificate && tls.failure != failureNoCertificate,
	}
	switch {
	case o.NLA:
		o.Security = "nla"
	case o.TLS:
		o.Security = "tls"
	case o.Classic:
		o.Security = "rdp"
	}
	return o
}

// reply is a server's answer to one request.
type reply struct {
	selected uint32
	failure  uint32 // 0 when it was none
}

// ask opens one connection, makes one request and reads the answer.
func (m *module) ask(ctx context.Context, port int, protocols uint32) (reply, error) {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	conn, err := m.dial(ctx, "tcp", address)
	if err != nil {
		return reply{}, unreachable(address, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := conn.Write(request(protocols)); err != nil {
		return reply{}, broken(ctx, address, err)
	}
	r, err := readReply(conn)
	if err != nil {
		return reply{}, broken(ctx, address, err)
	}
	return r, nil
}

func unreachable(address string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return bindings.Fail("timeout", "nobody answered on %s in time", address)
	}
	return bindings.Fail("unreachable", "nobody listens on %s: %w", address, err)
}

func broken(ctx context.Context, address string, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return bindings.Fail("timeout", "%s took the connection and did not answer in time", address)
	case errors.Is(err, errForeign):
		return bindings.Fail("protocol", "%s: %w", address, err)
	}
	return bindings.Fail("protocol", "%s ended the negotiation: %w", address, err)
}

// request is a connection request as TPKT and X.224 (class 0) carry it.
func request(protocols uint32) []byte {
	r := []byte{3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, negotiationRequest, 0, 8, 0}
	return binary.LittleEndian.AppendUint32(r, protocols)
}

// errForeign says that whoever listens speaks something else.
var errForeign = errors.New("what answered is no remote desktop server")

// maxReply bounds an answer: it has 19 bytes, and may carry nothing that could make it long.
const maxReply = 128

// readReply reads a connection confirm. One without a negotiation comes of a server that knows the classic security only.
func readReply(from io.Reader) (reply, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(from, head); err != nil {
		return reply{}, err
	}
	length := int(binary.BigEndian.Uint16(head[2:]))
	if head[0] != 3 || length < 11 || length > maxReply {
		return reply{}, errForeign
	}
	body := make([]byte, length-4)
	if _, err := io.ReadFull(from, body); err != nil {
		return reply{}, err
	}
	if body[1]&0xf0 != 0xd0 {
		return reply{}, errForeign
	}
	if len(body) < 15 {
		return reply{}, nil
	}
	value := binary.LittleEndian.Uint32(body[11:])
	switch body[7] {
	case negotiationResponse:
		return reply{selected: value}, nil
	case negotiationFailure:
		if value == 0 {
			return reply{}, fmt.Errorf("a failure without a reason: %w", errForeign)
		}
		return reply{failure: value}, nil
	}
	return reply{}, errForeign
}
