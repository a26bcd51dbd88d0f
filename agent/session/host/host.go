package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/session"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// errGone is what a role meets whose session, or whose host there, has ended.
var errGone = bindings.Fail("unavailable", "the user's session has ended")

// Config says whom a host is for.
type Config struct {
	// Program is what to run, with its arguments; the program itself is this process's own where the system allows to
	// name that.
	Program []string
	Session session.Session
	Login   session.Login
	Log     *slog.Logger

	proc string // for tests; "" is the machine's
}

// Host is a session host as the core sees it.
type Host struct {
	cfg   Config
	child *child
	peer  *ipc.Peer
	about entered
	dead  chan struct{}
	err   error // why, once dead is closed

	closing atomic.Bool

	mu       sync.Mutex
	last     uint64
	sets     map[uint64]*Set
	retiring bool
}

// Start starts a host in a session, and returns when it is there. ctx bounds the start alone.
func Start(ctx context.Context, cfg Config) (*Host, error) {
	codec, err := contract.Codec()
	if err != nil {
		return nil, err
	}
	child, err := spawn(cfg)
	if err != nil {
		return nil, fmt.Errorf("session %q of %q: %w", cfg.Session.ID, cfg.Session.User, err)
	}
	h := &Host{cfg: cfg, child: child, dead: make(chan struct{}), sets: map[uint64]*Set{}}
	h.peer = ipc.New(child.stdout, child.stdin, ipc.Config{Codec: codec, Handle: h.handle, Hangup: child.hangup})
	go h.live()
	if err := h.peer.Call(ctx, callEnter, cfg.Session, &h.about); err != nil {
		h.Close()
		if errors.Is(err, ipc.ErrClosed) {
			err = h.err
		}
		return nil, fmt.Errorf("session %q of %q: %w", cfg.Session.ID, cfg.Session.User, err)
	}
	return h, nil
}

// live is the life of the conversation and of the process; Close waits for it.
func (h *Host) live() {
	defer close(h.dead)
	h.err = h.child.end(h.peer.Run(context.Background()))
}

// Done is closed when the host is gone.
func (h *Host) Done() <-chan struct{} { return h.dead }

// Err says why it is gone, once Done is closed.
func (h *Host) Err() error { return h.err }

// PID is the process that the core started.
func (h *Host) PID() int { return h.child.pid }

// DataDir is where roles keep things of the user's, as the host said it: nothing of the core's may follow it.
func (h *Host) DataDir() string { return h.about.DataDir }

// Close hangs up, and waits until the host is gone, with all that it had open.
func (h *Host) Close() {
	h.closing.Store(true)
	h.child.hangup()
	<-h.dead
}

// handle takes what a host may ask.
func (h *Host) handle(ctx context.Context, c ipc.Call) func() (any, error) {
	switch c.Name {
	case callAllow:
		return answer(c, func(in asking) (any, error) {
			return nil, h.with(in.Set, func(s *Set) error { return s.host.Allow(in.Grant, in.Thing) })
		})
	case callRun:
		return answer(c, func(in running) (any, error) {
			return nil, h.with(in.Set, func(s *Set) error { return s.run(ctx, in.Invocation) })
		})
	case callSay:
		return answer(c, func(in saying) (any, error) {
			return nil, h.with(in.Set, func(s *Set) error {
				s.host.Log().Log(ctx, slog.Level(in.Level), in.Text[:min(len(in.Text), maxLine)])
				return nil
			})
		})
	}
	return unknown(c)
}

// maxLine is how long a line of a host may be.
const maxLine = 8 << 10

func (h *Host) with(id uint64, f func(*Set) error) error {
	h.mu.Lock()
	s := h.sets[id]
	h.mu.Unlock()
	if s == nil {
		return bindings.Fail("cancelled", "the role has ended")
	}
	return f(s)
}

// Open opens for a role those of the list that its grants cover: what speaks for the device here in the core, all
// else in the session.
func (h *Host) Open(host bindings.Host, list []bindings.Binding, grants bindings.Grants) (*Set, error) {
	var own []bindings.Binding
	var names []string
	for _, b := range list {
		if b.Core {
			own = append(own, b)
		} else {
			names = append(names, b.Name)
		}
	}
	s := &Set{peer: h, host: host, callbacks: map[uint64]bindings.Callback{}}
	h.mu.Lock()
	h.last++
	s.id = h.last
	h.sets[s.id] = s
	h.mu.Unlock()
	var err error
	if s.own, err = bindings.Open(host, own, grants); err != nil {
		h.forget(s.id)
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	order := opening{Set: s.id, Names: names, Grants: grants, Place: host.Place()}
	if err := h.call(ctx, callOpen, order, &s.modules); err != nil {
		return nil, errors.Join(fmt.Errorf("open in the user's session: %w", err), s.Close())
	}
	return s, nil
}

// patience is how long the host may take for what needs no time but the machine's.
const patience = 15 * time.Second

// call makes a call, and says of a host that is gone what that means to a role.
func (h *Host) call(ctx context.Context, name string, in, out any) error {
	err := h.peer.Call(ctx, name, in, out)
	if errors.Is(err, ipc.ErrClosed) || err != nil && ctx.Err() == nil && h.closing.Load() {
		return errGone // what a host says that was hung up on is how its calls were cut
	}
	return contract.Refusal(err)
}

func (h *Host) forget(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sets, id)
	h.retireLocked()
}

// Retire lets the host go once no role has anything open in it. It does not wait for that.
func (h *Host) Retire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retiring = true
	h.retireLocked()
}

func (h *Host) retireLocked() {
	if h.retiring && len(h.sets) == 0 {
		h.child.hangup()
	}
}

// Session is whom the host is for.
func (h *Host) Session() session.Session { return h.cfg.Session }
