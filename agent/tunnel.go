package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// tunnelState is all that is known of an open tunnel: the answer of tunnel_status.
type tunnelState struct {
	Mode string `json:"mode"` // of the agent
	tunnelSeen
	Sent     int64 `json:"sent"`     // bytes of WireGuard
	Received int64 `json:"received"` // bytes of WireGuard

	Connections int   `json:"connections"` // forwarded ones that are open
	Accepted    int64 `json:"accepted"`    // so far
	Refused     int64 `json:"refused"`
	ToEngine    int64 `json:"to_engine"`  // bytes of forwarded connections
	ToMachine   int64 `json:"to_machine"` // bytes of forwarded connections
}

// tunnelStatus answers the command tunnel_status.
func (a *agent) tunnelStatus(context.Context, json.RawMessage) (any, error) {
	list := []tunnelState{}
	if s := a.tunnels.Current(); s != nil {
		state := s.State()
		list = append(list, tunnelState{
			Mode: string(a.mode), tunnelSeen: seenOfTunnel(state), Sent: state.Sent, Received: state.Received, Connections: state.Connections,
			Accepted: state.Accepted, Refused: state.Refused, ToEngine: state.ToEngine, ToMachine: state.ToMachine,
		})
	}
	return list, nil
}

type tunnelCmd struct {
	Status tunnelStatusCmd `cmd:"" help:"Show the open tunnel, and what goes through it."`
	Doctor tunnelDoctorCmd `cmd:"" help:"Look for what keeps a tunnel from working."`
}

type tunnelStatusCmd struct {
	AtAgent
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *tunnelStatusCmd) Help() string {
	return `Examples:
  borealis-agent tunnel status
  borealis-agent tunnel status --home /opt/borealis --json`
}

// Run shows the tunnels of the agents of a tree.
func (c *tunnelStatusCmd) Run() error {
	list, err := listOf[tunnelState](c.AtAgent, "tunnel_status")
	switch {
	case err != nil:
		return err
	case c.JSON:
		return writeJSON(os.Stdout, list)
	case len(list) == 0:
		fmt.Println("no tunnel is open")
		return nil
	}
	for _, t := range list {
		if err := t.show(os.Stdout, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

func (t tunnelState) show(w io.Writer, now time.Time) error {
	handshake := "none yet"
	if t.Handshake != 0 {
		handshake = since(t.Handshake, now).String() + " ago"
	}
	return showRows(w, [][2]string{
		{"tunnel", fmt.Sprintf("%s, open for %s", t.ID, since(t.Opened, now))},
		{"addresses", fmt.Sprintf("%s here, %s the Engine's", t.Address, t.Engine)},
		{"interface", cmp.Or(t.Interface, "none: it lives in the agent")},
		{"endpoint", t.Endpoint},
		{"handshake", handshake},
		{"WireGuard", fmt.Sprintf("%d bytes sent, %d received", t.Sent, t.Received)},
		{"connections", fmt.Sprintf("%d open, %d so far, %d refused", t.Connections, t.Accepted, t.Refused)},
		{"through them", fmt.Sprintf("%d bytes to the Engine, %d to this machine", t.ToEngine, t.ToMachine)},
	})
}

type tunnelDoctorCmd struct {
	AtAgent
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *tunnelDoctorCmd) Help() string {
	return `Examples:
  borealis-agent tunnel doctor
  borealis-agent tunnel doctor --json

It sends one datagram of one byte to the tunnel's endpoint, and asks nobody else. The exit status is 1 when a step failed.`
}

// Run looks at the open tunnel, if there is one.
func (c *tunnelDoctorCmd) Run() error {
	list, err := listOf[tunnelState](c.AtAgent, "tunnel_status")
	if err != nil && !errors.Is(err, errNoAgent) {
		return err
	}
	found := tunnelFindings(list, err)
	if c.JSON {
		err = writeJSON(os.Stdout, found)
	} else {
		err = showFindings(os.Stdout, found)
	}
	if n := len(inState(found, stepFail)); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d steps failed", n, len(found)))
	}
	return err
}
