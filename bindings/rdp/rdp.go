// Package rdp is the Lua module rdp: it looks at the machine's remote desktop server, asks it over the wire what
// security it offers, and on Windows changes what lets people in. It promises to change only what it is told to, to name
// a firewall's rules so that no language matters, and never to turn network level authentication off. It installs
// nothing, and it speaks to no server but this machine's own.
package rdp

import (
	"context"
	_ "embed"
	"net"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// grant is what a role must hold; "rdp:FUNCTION" narrows it to one function.
const grant = "rdp"

//go:embed rdp.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{Name: "rdp", Face: face, Grant: grant, Open: open}

type module struct {
	host bindings.Host
	// root is where the machine's files begin.
	root string
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func open(host bindings.Host) (*bindings.Instance, error) {
	m := &module{host: host, root: "/", dial: new(net.Dialer).DialContext}
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"state":  {Waits: true, Do: m.state},
		"probe":  {Waits: true, Do: m.probe},
		"change": {Waits: true, Do: m.change},
	}}, nil
}

// state is how the server is set up. What a system has no notion of is nil or "".
type state struct {
	Server      string `lua:"server"`
	Port        int    `lua:"port"`
	Address     string `lua:"address"`
	Connections *bool  `lua:"connections"`
	Policy      *bool  `lua:"policy"`
	NLA         *bool  `lua:"nla"`
	Start       string `lua:"start"`
	Running     *bool  `lua:"running"`
	Firewall    string `lua:"firewall"`
}

func (m *module) state(context.Context) (state, error) {
	if err := m.host.Allow(grant, "state"); err != nil {
		return state{}, err
	}
	return m.look()
}

// changes is what may be changed; nil and "" leave a thing as it is.
type changes struct {
	Connections *bool  `lua:"connections"`
	Start       string `lua:"start"`
	Running     *bool  `lua:"running"`
	Firewall    *bool  `lua:"firewall"`
}

func (m *module) change(ctx context.Context, opts changes) error {
	if err := m.host.Allow(grant, "change"); err != nil {
		return err
	}
	return m.apply(ctx, opts)
}

type probeOptions struct {
	Port    int           `lua:"port" default:"3389"`
	Timeout time.Duration `lua:"timeout" default:"5"`
}

func (m *module) probe(ctx context.Context, opts probeOptions) (offer, error) {
	if err := m.host.Allow(grant, "probe"); err != nil {
		return offer{}, err
	}
	if opts.Port < 1 || opts.Port > 65535 {
		return offer{}, bindings.Misused("option port: %d is no port", opts.Port)
	}
	ctx, cancel := context.WithTimeout(ctx, opts.Timeout)
	defer cancel()
	return m.negotiate(ctx, opts.Port)
}
