// Package tunnel runs the device's WireGuard session in user space: packets meet a TCP stack in this very process, so
// there is no interface, route, driver or administrator, and nothing is left behind however the process ends. Where the
// operator wants a real interface, forwarded ports are the machine's own there, and the rest stays as it is. It promises that only an offer that was kept here is opened, that nobody but the Engine's address inside the tunnel is
// answered, and that the Engine reaches exactly the ports that were asked for, forwarded to 127.0.0.1, or listened on.
// It costs nothing until a session is opened. It decides nothing about when: that is a role's.
package tunnel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Why a session is not opened.
var (
	// ErrUnknown says that no such tunnel was offered.
	ErrUnknown = errors.New("no tunnel with this id was offered")
	// ErrOpen says that a session is open already.
	ErrOpen = errors.New("a tunnel is open already")
	// ErrPort says that a port is not among those that the Engine allows itself.
	ErrPort = errors.New("the offer does not allow this port")
	// ErrEndpoint says that the Engine's endpoint has no address.
	ErrEndpoint = errors.New("the Engine's endpoint has no address")
	// ErrClaimed says that a port is listened on already.
	ErrClaimed = errors.New("the port is listened on already")
	// ErrFull says that there are as many connections as there may be, or that the session is ending.
	ErrFull = errors.New("no more connections")
	// ErrInterface says that the machine gives no interface.
	ErrInterface = errors.New("no interface is to be had (tunnel.mode netstack in the agent's settings needs none)")
	// ErrClosed says that the session has ended.
	ErrClosed = errors.New("the tunnel is closed")
)

// maxOffers is how many offers are kept: an Engine has one session for an agent.
const maxOffers = 8

// Resolver finds the addresses of the Engine's name; *net.Resolver is one.
type Resolver interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// Config says what the tunnels stand on.
type Config struct {
	Log *slog.Logger
	// EngineHost is the host of the Engine's URL, for offers whose endpoint leads nowhere.
	EngineHost func() string
	// Keys is where the device's own key pair lies, for offers that bring no private key.
	Keys Store
	// Random makes that key pair once. Nil means crypto/rand.
	Random io.Reader
	// Interface gives each session a real interface of this machine.
	Interface bool
	// Resolver is net.DefaultResolver when nil.
	Resolver Resolver
	// Dial reaches the machine's own ports. Nil means a plain dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Options say how a session is opened.
type Options struct {
	Forward        []int         // ports that lead to 127.0.0.1
	Keepalive      time.Duration // between packets that keep the way through a NAT open; 0 = none
	MTU            int
	MaxConnections int // at a time, of all ports together
}

// Tunnels has the offers and the one session of an agent.
type Tunnels struct {
	cfg Config

	mu      sync.Mutex
	offers  []wire.TunnelStart // oldest first
	session *Session
	opening bool
}

// New makes a Tunnels with no session. It starts nothing.
func New(cfg Config) *Tunnels {
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	return &Tunnels{cfg: cfg}
}

// Keep keeps an offer that somebody has checked, in memory only. A newer one with the same id takes its place.
func (t *Tunnels) Keep(offer wire.TunnelStart) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.offers = slices.DeleteFunc(t.offers, func(o wire.TunnelStart) bool { return o.TunnelID == offer.TunnelID })
	t.offers = append(t.offers, offer)
	if len(t.offers) > maxOffers {
		t.offers = slices.Delete(t.offers, 0, 1)
	}
}

// Open opens a session on the newest offer with this id. It is up at once, and has a handshake when the Engine answers.
func (t *Tunnels) Open(ctx context.Context, id string, o Options) (*Session, error) {
	offer, err := t.begin(id)
	if err != nil {
		return nil, err
	}
	s, err := t.start(ctx, offer, o)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opening = false
	if err != nil {
		return nil, fmt.Errorf("tunnel %.80q: %w", id, err)
	}
	t.session = s
	return s, nil
}

// begin takes the one place that there is for a session.
func (t *Tunnels) begin(id string) (wire.TunnelStart, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.offers, func(o wire.TunnelStart) bool { return o.TunnelID == id })
	switch {
	case i < 0:
		return wire.TunnelStart{}, fmt.Errorf("tunnel %.80q: %w", id, ErrUnknown)
	case t.session != nil || t.opening:
		return wire.TunnelStart{}, fmt.Errorf("tunnel %.80q: %w", id, ErrOpen)
	}
	t.opening = true
	return t.offers[i], nil
}

// Current is the open session, nil when there is none.
func (t *Tunnels) Current() *Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.session
}

// Close ends the session, if there is one.
func (t *Tunnels) Close() error {
	if s := t.Current(); s != nil {
		return s.Close()
	}
	return nil
}

// forget makes room for another session.
func (t *Tunnels) forget(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session == s {
		t.session = nil
	}
}
