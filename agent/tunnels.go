package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/gate"
	"github.com/bunny-lab-io/borealis-agent/agent/tunnel"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	binding "github.com/bunny-lab-io/borealis-agent/bindings/tunnel"
)

// tunnelLog is the service under which the tunnel's own lines are kept, as upstream has it.
const tunnelLog = "VPN_Tunnel/tunnel"

// openTunnels makes the way to tunnels. Nothing of it runs until a role opens one.
func (a *agent) openTunnels(_ context.Context, c *runCmd) error {
	real, err := a.wantsInterface(c)
	if err != nil {
		return err
	}
	a.tunnels = tunnel.New(tunnel.Config{
		Log: a.logs.Service(tunnelLog), Keys: a.tree.TunnelKeys(), EngineHost: a.engineHost, Interface: real,
	})
	a.undo = append(a.undo, a.tunnels.Close)
	return nil
}

// wantsInterface says whether the operator wants tunnels to be real interfaces of this machine.
func (a *agent) wantsInterface(c *runCmd) (bool, error) {
	doc, err := a.document(c)
	if err != nil {
		return false, err
	}
	section, err := doc.Section("tunnel", "mode")
	if err != nil {
		return false, err
	}
	switch mode := section.Text("mode"); mode {
	case "", "netstack":
		return false, nil
	case "tun":
		return true, nil
	default:
		return false, fmt.Errorf(`settings: tunnel.mode: %q is neither "netstack" nor "tun"`, mode)
	}
}

// engineHost is the host of the Engine's URL.
func (a *agent) engineHost() string {
	u, err := url.Parse(a.engine.Status().Server)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// withTunnels gives the list's module tunnel the agent's own device.
func (a *agent) withTunnels(list []bindings.Binding) []bindings.Binding {
	own := binding.New(tunnelDevice{a.tunnels})
	for i := range list {
		if list[i].Name == own.Name {
			list[i] = own
		}
	}
	return list
}

// ensureTunnel asks the Engine for the device's tunnel. What it offers passes the gate like the event does, so a role
// meets no offer that is not signed, and none of its keys.
func (a *agent) ensureTunnel(ctx context.Context, in, out any) error {
	var offer json.RawMessage
	if err := a.engine.Post(ctx, wire.PathTunnelEnsure, in, &offer); err != nil {
		return offersNone(err)
	}
	ev, err := a.gate.Admit(wire.Event{Name: wire.EventTunnelStart, Data: offer, At: time.Now()})
	switch {
	case errors.Is(err, gate.ErrNotOurs):
		return bindings.Fail("none", "the Engine offers another agent's tunnel")
	case err != nil:
		return bindings.Fail("refused", "the Engine's tunnel is refused: %w", err)
	}
	return json.Unmarshal(ev.Data, out)
}

// offersNone tells an Engine that has no tunnel for this device, or makes them on demand only, from other trouble.
func offersNone(err error) error {
	var status *engine.StatusError
	if !errors.As(err, &status) {
		return err
	}
	switch {
	case status.Status == http.StatusNotFound, status.Status == http.StatusMethodNotAllowed, status.Word == "tunnel_start_failed":
		return bindings.Fail("none", "the Engine offers no tunnel: %w", err)
	}
	return err
}

// tunnelDevice is the agent's tunnels as roles have them.
type tunnelDevice struct{ *tunnel.Tunnels }

// Open opens the tunnel that was offered under an id.
func (d tunnelDevice) Open(ctx context.Context, id string, o binding.Options) (binding.Session, error) {
	s, err := d.Tunnels.Open(ctx, id, tunnel.Options(o))
	if err != nil {
		return nil, bindings.Fail(tunnelCode(err), "%w", err)
	}
	return tunnelSession{s}, nil
}

// tunnelCode is the word for why a tunnel is not open.
func tunnelCode(err error) string {
	for code, reason := range map[string]error{
		"unknown": tunnel.ErrUnknown, "open": tunnel.ErrOpen, "port": tunnel.ErrPort, "endpoint": tunnel.ErrEndpoint,
		"closed": tunnel.ErrClosed, "interface": tunnel.ErrInterface, "limit": tunnel.ErrFull, "busy": tunnel.ErrClaimed, "cancelled": context.Canceled,
	} {
		if errors.Is(err, reason) {
			return code
		}
	}
	return "failed"
}

// Current is the open tunnel.
func (d tunnelDevice) Current() binding.Session {
	if s := d.Tunnels.Current(); s != nil {
		return tunnelSession{s}
	}
	return nil
}

type tunnelSession struct{ *tunnel.Session }

// Listen takes the Engine's connections to a port.
func (s tunnelSession) Listen(port int) (net.Listener, error) {
	l, err := s.Session.Listen(port)
	if err != nil {
		return nil, bindings.Fail(tunnelCode(err), "%w", err)
	}
	return l, nil
}

// State looks at the tunnel.
func (s tunnelSession) State() binding.State { return binding.State(s.Session.State()) }

// tunnelSeen is the open tunnel as status has it. What changes with every packet is left out: the role's health and log
// have that.
type tunnelSeen struct {
	ID        string `json:"id"`
	Address   string `json:"address"`
	Engine    string `json:"engine"`
	Endpoint  string `json:"endpoint"`
	Opened    int64  `json:"opened"`
	Handshake int64  `json:"handshake,omitempty"` // the last one
	Interface string `json:"interface,omitempty"` // of this machine
}

func (a *agent) tunnelsSeen() []tunnelSeen {
	s := a.tunnels.Current()
	if s == nil {
		return []tunnelSeen{}
	}
	return []tunnelSeen{seenOfTunnel(s.State())}
}

func seenOfTunnel(state tunnel.State) tunnelSeen {
	seen := tunnelSeen{ID: state.ID, Address: state.Address, Engine: state.Engine, Endpoint: state.Endpoint, Opened: state.Opened.Unix()}
	if state.Handshake != nil {
		seen.Handshake = state.Handshake.Unix()
	}
	if state.Interface != nil {
		seen.Interface = *state.Interface
	}
	return seen
}
