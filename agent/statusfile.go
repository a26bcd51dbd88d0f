package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
)

// status is how the agent is, for people and programs on this machine: status.json holds it, and the command status gets
// it. No secret is in it. Times are Unix seconds; docs/control.md describes the fields.
type status struct {
	PID           int    `json:"pid"`
	Version       string `json:"version"`
	Mode          string `json:"mode"`
	Started       int64  `json:"started"`
	AgentID       string `json:"agent_id"`
	GUID          string `json:"guid"`
	Fingerprint   string `json:"fingerprint"` // of the device's key
	Enrollment    string `json:"enrollment"`
	Server        string `json:"server"`
	Trust         string `json:"trust"`
	TrustOrigin   string `json:"trust_origin,omitempty"` // what vouched for the Engine when it was first trusted
	BundleRefused bool   `json:"bundle_refused"`         // the Engine's own bundle does not fit its connection, and is not pinned
	SigningKey    bool   `json:"signing_key"`            // a key for scripts is stored
	TokenExpires  int64  `json:"token_expires,omitempty"`
	ClockSkew     int64  `json:"clock_skew,omitempty"` // whole minutes by which the Engine's clock is ahead
	Connected     bool   `json:"connected"`
	LastError     string `json:"last_error,omitempty"` // of the way to the Engine
	Mend          string `json:"mend,omitempty"`       // for LastError

	Outbox         int             `json:"outbox"`         // results waiting for the Engine
	OutboxDropped  uint64          `json:"outbox_dropped"` // passing results let go
	AllowAllGrants bool            `json:"allow_all_grants"`
	AllowUnsigned  bool            `json:"playbooks_allow_unsigned"` // playbooks need no signature
	LogLevel       string          `json:"log_level"`
	Roles          []reload.Status `json:"roles"`
	Tunnels        []tunnelSeen    `json:"tunnels"`
	LastErrors     []problem       `json:"last_errors"`
}

// problem is an error that was logged, and what can be done about it.
type problem struct {
	At      int64  `json:"at"`
	Service string `json:"service"`
	Error   string `json:"error"`
	Mend    string `json:"mend,omitempty"`
}

func (a *agent) status() status {
	e := a.engine.Status()
	s := status{
		PID: os.Getpid(), Version: version, Mode: string(a.mode), Started: a.started.Unix(),
		AgentID: e.AgentID, GUID: e.GUID, Fingerprint: e.Fingerprint, Enrollment: string(e.State), Server: e.Server,
		Trust: string(e.Trust), TrustOrigin: e.TrustOrigin, BundleRefused: e.BundleRefused, SigningKey: e.SigningKey,
		ClockSkew: int64(e.ClockSkew / time.Minute), Connected: e.Connected, LastError: e.LastError, Mend: mendOf(e.LastError),
		Outbox: a.outbox.Len(), OutboxDropped: a.outbox.Dropped(), AllowAllGrants: a.allowAll, AllowUnsigned: a.unsigned,
		LogLevel: a.level.Level().String(), Roles: a.reload.Status(), Tunnels: a.tunnelsSeen(), LastErrors: []problem{},
	}
	if !e.TokenExpires.IsZero() {
		s.TokenExpires = e.TokenExpires.Unix()
	}
	for _, r := range a.logs.Recent() {
		s.LastErrors = append(s.LastErrors, problem{r.At.Unix(), r.Service, r.Text, mendOf(r.Text)})
	}
	return s
}

// change asks for status.json to be written soon.
func (a *agent) change() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// tellStatus writes status.json whenever something in it has changed, and lets the roles know a new agent id and each
// connection with the Engine that lasts for a second.
func (a *agent) tellStatus(ctx context.Context) error {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	var written []byte
	id, connected := a.engine.AgentID(), false
	for {
		if now := a.engine.Connected(); now != connected {
			connected = now
			a.tellConnected(now)
		}
		if now := a.engine.AgentID(); now != id {
			id = now
			a.reload.Renew(nil)
		}
		status := a.status()
		a.ready.look(status.Roles, a.anyRoles)
		text, err := json.MarshalIndent(status, "", "  ")
		if err != nil {
			return err
		}
		if a.user == nil && !bytes.Equal(text, written) { // the machine's half writes the file
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
