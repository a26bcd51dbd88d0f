package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
)

// status is what status.json holds: how the agent is, for people and programs on this machine. No secret is in it.
type status struct {
	PID        int             `json:"pid"`
	Version    string          `json:"version"`
	Mode       string          `json:"mode"`
	AgentID    string          `json:"agent_id"`
	GUID       string          `json:"guid"`
	Enrollment string          `json:"enrollment"`
	Server     string          `json:"server"`
	Trust      string          `json:"trust"`
	Connected  bool            `json:"connected"`
	LastError  string          `json:"last_error,omitempty"`
	Outbox     int             `json:"outbox"` // results waiting for the Engine
	Roles      []reload.Status `json:"roles"`
}

func (a *agent) status() status {
	e := a.engine.Status()
	return status{
		PID: os.Getpid(), Version: version, Mode: string(a.mode), AgentID: e.AgentID, GUID: e.GUID,
		Enrollment: string(e.State), Server: e.Server, Trust: string(e.Trust), Connected: e.Connected, LastError: e.LastError,
		Outbox: a.outbox.Len(), Roles: a.reload.Status(),
	}
}

// change asks for status.json to be written soon.
func (a *agent) change() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// tellStatus writes status.json whenever something in it has changed, and lets the roles know a new agent id.
func (a *agent) tellStatus(ctx context.Context) error {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	var written []byte
	id := a.engine.AgentID()
	for {
		if now := a.engine.AgentID(); now != id {
			id = now
			a.reload.Renew(nil)
		}
		text, err := json.MarshalIndent(a.status(), "", "  ")
		if err != nil {
			return err
		}
		if !bytes.Equal(text, written) {
			if err := a.tree.SaveStatus(text); err != nil {
				return err
			}
			written = text
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.changed:
		case <-look.C:
		}
	}
}
