// Package tunnel is the Lua module tunnel: a role opens the WireGuard tunnel that the Engine offered, sees how it is, and
// ends it. It promises that a role can open no tunnel that the Engine did not sign for, meets none of its keys, and that
// a tunnel outlives a role's old version for its new one, but not the last of them. It carries no packet: that is the
// Device's.
package tunnel

import (
	"context"
	_ "embed"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// grant is what a role must hold; "tunnel:FUNCTION" narrows it to one function.
const grant = "tunnel"

//go:embed tunnel.lua
var face string

// Device is what carries tunnels: one at a time.
type Device interface {
	// Open opens the tunnel that was offered under an id. Its errors are *bindings.Error.
	Open(ctx context.Context, id string, o Options) (Session, error)
	// Current is the open one, nil when there is none.
	Current() Session
}

// Network is what is inside a tunnel. Its errors are *bindings.Error where a role can tell them apart.
type Network interface {
	// Listen takes the Engine's connections to a port of our address.
	Listen(port int) (net.Listener, error)
	// Dial connects to a port of the Engine's address.
	Dial(ctx context.Context, port int) (net.Conn, error)
}

// Session is an open tunnel.
type Session interface {
	Network
	State() State
	// Hold keeps it open until release is called; it ends with the last release.
	Hold() (release func())
	Close() error
}

// Options say how a tunnel is opened.
type Options struct {
	Forward        []int         `lua:"forward"`
	Keepalive      time.Duration `lua:"keepalive" default:"30"`
	MTU            int           `lua:"mtu" default:"1420"`
	MaxConnections int           `lua:"max_connections" default:"64"`
}

// State is how a tunnel is.
type State struct {
	ID        string     `lua:"id"`
	Address   string     `lua:"address"`
	Engine    string     `lua:"engine"`
	Endpoint  string     `lua:"endpoint"`
	Opened    time.Time  `lua:"opened"`
	Handshake *time.Time `lua:"handshake"`
	Interface *string    `lua:"interface"`
	Sent      int64      `lua:"sent"`
	Received  int64      `lua:"received"`

	Connections int   `lua:"connections"`
	Accepted    int64 `lua:"accepted"`
	Refused     int64 `lua:"refused"`
	ToEngine    int64 `lua:"to_engine"`
	ToMachine   int64 `lua:"to_machine"`
}

// New makes the module on a device; nil is that of a machine without tunnels.
func New(device Device) bindings.Binding {
	return bindings.Binding{Name: "tunnel", Face: face, Core: true, Grant: grant, Handles: handles(), Open: func(host bindings.Host) (*bindings.Instance, error) {
		m := &module{host: host, device: device}
		return &bindings.Instance{Funcs: map[string]bindings.Func{
			"open":   {Waits: true, Do: m.open},
			"close":  {Waits: true, Do: m.end},
			"get":    {Do: m.get},
			"listen": {Do: m.listen},
			"dial":   {Waits: true, Do: m.dial},
		}, Close: m.close}, nil
	}}
}

// module is one version of a role, with the tunnel that it holds.
type module struct {
	host   bindings.Host
	device Device

	mu      sync.Mutex
	closed  bool
	held    Session
	release func()
}

func (m *module) open(ctx context.Context, id string, opts Options) (*State, error) {
	switch {
	case opts.MTU < 576 || opts.MTU > 9000:
		return nil, bindings.Misused("option mtu: %d is not between 576 and 9000", opts.MTU)
	case opts.Keepalive < 0 || opts.Keepalive > 65535*time.Second:
		return nil, bindings.Misused("option keepalive: %v seconds is not between 0 and 65535", opts.Keepalive.Seconds())
	case opts.MaxConnections < 1 || opts.MaxConnections > 1024:
		return nil, bindings.Misused("option max_connections: %d is not between 1 and 1024", opts.MaxConnections)
	}
	if err := m.may("open"); err != nil {
		return nil, err
	}
	s, err := m.device.Open(ctx, id, opts)
	if err != nil {
		return nil, err
	}
	if !m.hold(s) {
		return nil, errors.Join(bindings.Fail("cancelled", "the role has ended"), s.Close())
	}
	state := s.State()
	return &state, nil
}

func (m *module) get(context.Context) (*State, error) {
	if err := m.may("get"); err != nil {
		return nil, err
	}
	s := m.device.Current()
	if s == nil || !m.hold(s) {
		return nil, nil
	}
	state := s.State()
	return &state, nil
}

func (m *module) end(context.Context) (bool, error) {
	if err := m.may("close"); err != nil {
		return false, err
	}
	s := m.device.Current()
	if s == nil {
		return false, nil
	}
	return true, s.Close()
}

// may says whether the role may call a function, and whether there is anything to call.
func (m *module) may(function string) error {
	if m.device == nil {
		return bindings.ErrUnsupported
	}
	return m.host.Allow(grant, function)
}

// hold keeps a tunnel open for this role, unless the role has ended. There is one at a time, so the one before is closed.
func (m *module) hold(s Session) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.held == s {
		return !m.closed
	}
	if m.release != nil {
		m.release()
	}
	m.held, m.release = s, s.Hold()
	return true
}

func (m *module) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.release != nil {
		m.release()
	}
	return nil
}
