package host

import (
	"context"
	"log/slog"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// agency is the agent as the bindings of one role see it from within a session.
type agency struct {
	service *service
	set     uint64
	place   bindings.Place
}

var _ bindings.Host = (*agency)(nil)

// Log writes into the role's log, which is the core's.
func (a *agency) Log() *slog.Logger { return slog.New(&voice{agency: a}) }

// Now is the machine's clock.
func (a *agency) Now() time.Time { return time.Now() }

// AfterFunc is the machine's timer.
func (a *agency) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// Place is what the core said.
func (a *agency) Place() bindings.Place { return a.place }

// Allow asks the core, which holds the role's grants.
func (a *agency) Allow(grant, thing string) error {
	err := a.service.peer.Call(a.service.life, callAllow, asking{a.set, grant, thing}, nil)
	return contract.Refusal(err)
}

// Emit refuses: what speaks to the Engine is never opened here.
func (a *agency) Emit(string, any) error { return errMute }

// Request refuses, as Emit does.
func (a *agency) Request(context.Context, string, any, any) error { return errMute }

var errMute = bindings.Fail("denied", "the Engine is not spoken to from a user's session")

// callback is a Lua function of the role, held by a binding in the session.
type callback struct {
	service *service
	set, id uint64
}

var _ bindings.Callback = (*callback)(nil)

// Call runs the function in the role's worker.
func (c *callback) Call(ctx context.Context, args ...any) error {
	plain, err := bindings.PlainArgs(args)
	if err != nil {
		return err
	}
	err = c.service.peer.Call(ctx, callRun, running{c.set, contract.Invocation{Func: c.id, Args: plain}}, nil)
	return contract.Refusal(err)
}

// Release lets the core forget the function; one that is gone has forgotten.
func (c *callback) Release() {
	_ = c.service.peer.Notify(c.service.life, callRun, running{c.set, contract.Invocation{Func: c.id, Release: true}})
}

// voice carries what bindings log to the core, each line as a text.
type voice struct {
	agency *agency
	attrs  []slog.Attr
}

// Enabled leaves it to the core what is worth a line.
func (v *voice) Enabled(context.Context, slog.Level) bool { return true }

// Handle sends one line; a core that is gone needs none.
func (v *voice) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	for _, a := range v.attrs {
		text += " " + a.String()
	}
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	s := v.agency.service
	return s.peer.Notify(s.life, callSay, saying{v.agency.set, int(r.Level), text})
}

// WithAttrs puts attributes to every line.
func (v *voice) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &voice{v.agency, append(v.attrs[:len(v.attrs):len(v.attrs)], attrs...)}
}

// WithGroup is not kept apart: these are lines for people.
func (v *voice) WithGroup(string) slog.Handler { return v }
