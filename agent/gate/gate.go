// Package gate stands between the Engine and the roles: it says whether an event is meant for this process, is
// authentic and is fresh. It promises that a job reaches a role only if its script is signed with the stored key, that
// what the role gets are the very bytes that were verified, and that what cannot be verified yet reaches no role. It
// runs nothing, answers nothing itself, and never stores a key.
package gate

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Why an event is not admitted. Only a Refusal is answered; the others are silent towards the Engine.
var (
	// ErrNotOurs says that the event is for another device or process. It is not worth a line in the log.
	ErrNotOurs = errors.New("not for this process")
	// ErrReplay says that the very job was admitted before.
	ErrReplay = errors.New("this job was admitted before")
	// ErrUnverified says that the event asks for something whose origin the agent cannot verify.
	ErrUnverified = errors.New("its origin cannot be verified")
	// ErrMalformed says that the event is not what the contract has under its name, so that nobody can be answered.
	ErrMalformed = errors.New("malformed event")
)

// Refusal is a job that is not run, with the answer that the Engine is to have.
type Refusal struct {
	Reason string
	Result wire.Result // quick_job_result; its ID is left to whoever sends it
}

func (r *Refusal) Error() string { return "job refused: " + r.Reason }

// Config says whom the gate stands before.
type Config struct {
	Hostname   string // as the operating system has it
	Mode       wire.Mode
	AgentID    func() string
	SigningKey func() ed25519.PublicKey // the stored one; nil when there is none
	// UserServed says whether another process serves the logged-in user's jobs. Nil means that none does.
	UserServed func() bool
	// NoUser says why none does. Nil means that no user is logged in.
	NoUser func() string
	// UnsignedPlaybooks lets playbooks run that nobody has signed, by the operator's will.
	UnsignedPlaybooks bool
	// Now is the Engine's time, as far as its clock has been measured. Nil means this machine's.
	Now    func() time.Time
	Ledger Ledger
	Offers Offers // of tunnels; nil when nobody carries any
}

// Gate admits events. Its methods may be called from many goroutines.
type Gate struct{ cfg Config }

// New builds a gate. AgentID, SigningKey and Ledger are required.
func New(cfg Config) *Gate {
	if cfg.UserServed == nil {
		cfg.UserServed = func() bool { return false }
	}
	if cfg.NoUser == nil {
		cfg.NoUser = func() string { return "no user is logged in" }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Gate{cfg: cfg}
}

// Admit says whether ev may reach the roles. An admitted job comes back with its verified script in Bytes["script"]
// and without the fields that served to verify it, an admitted playbook as a job, an admitted tunnel without its keys,
// which Offers has; an event that the gate has no rule for comes back as it was.
// Everything else is one of the errors of this package.
func (g *Gate) Admit(ev wire.Event) (wire.Event, error) {
	var err error
	switch ev.Name {
	case wire.EventJobRun:
		return g.job(ev, false)
	case wire.EventPlaybookRun:
		return g.playbook(ev)
	case wire.EventTunnelStart:
		if err = g.tunnel(ev); err == nil {
			return g.tunnelStart(ev)
		}
	case wire.EventTunnelStop, wire.EventTunnelActive:
		err = g.tunnel(ev)
	}
	if err != nil {
		return wire.Event{}, fmt.Errorf("event %q: %w", ev.Name, err)
	}
	return ev, nil
}

// tunnel lets events of tunnels through that name this agent, or none. The id has two names on the wire.
func (g *Gate) tunnel(ev wire.Event) error {
	fields, err := wire.ParseObject(ev.Data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	for _, key := range [...]string{"agent_id", "agent_guid"} {
		id, err := fields.Text(key)
		if err != nil {
			return ErrNotOurs
		}
		if id = strings.TrimSpace(id); id != "" && id != g.cfg.AgentID() {
			return ErrNotOurs
		}
	}
	return nil
}

// ours says whether host is this one, or one of the names that the contract has for every host. The name is no
// barrier, since no signature covers it: it only routes.
func (g *Gate) ours(host string) bool {
	switch host = strings.TrimSpace(host); strings.ToLower(host) {
	case "", "*", "unknown", "(unknown)":
		return true
	}
	return strings.EqualFold(host, strings.TrimSpace(g.cfg.Hostname))
}

// refuse makes the answer to a job that is not run.
func refuse(job wire.Job, reason string) error {
	result, err := failed(job, reason)
	if err != nil {
		return err
	}
	return &Refusal{Reason: reason, Result: result}
}

func failed(job wire.Job, reason string) (wire.Result, error) {
	data, err := json.Marshal(wire.JobResult{JobID: job.ID, Status: wire.JobFailed, Stderr: reason, Context: job.Context})
	if err != nil {
		return wire.Result{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return wire.Result{Role: "gate", Event: wire.EventJobResult, Data: data}, nil
}
