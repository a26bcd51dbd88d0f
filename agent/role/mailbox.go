package role

import (
	"context"
	"errors"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Deliver's refusals.
var (
	ErrFull     = errors.New("the role has too much to do")
	ErrDraining = errors.New("the role is ending")
)

// letter is one thing in a mailbox: an event, or a configuration.
type letter struct {
	call  string
	body  any
	event wire.Event // what is told lost when the letter comes to nothing
}

// mailbox is the bounded line in front of a worker. How many letters wait is its capacity; how many are with the
// worker is the semaphore's.
type mailbox struct {
	letters chan letter
	under   chan struct{}

	mu     sync.Mutex
	closed bool
	open   sync.WaitGroup // letters taken and not yet done with
}

func (m *mailbox) init(l Limits) {
	m.letters = make(chan letter, l.Waiting)
	m.under = make(chan struct{}, l.UnderWay)
}

// put never blocks.
func (m *mailbox) put(l letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrDraining
	}
	m.open.Add(1)
	select {
	case m.letters <- l:
		return nil
	default:
		m.open.Done()
		return ErrFull
	}
}

func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		close(m.letters)
	}
}

// Deliver puts an event into the role's mailbox. It never blocks.
func (r *Role) Deliver(ev wire.Event) error {
	err := r.mailbox.put(letter{
		call:  contract.Event,
		body:  contract.Happening{Name: ev.Name, Data: ev.Data, Bytes: ev.Bytes},
		event: ev,
	})
	if errors.Is(err, ErrFull) {
		r.counts.full.Add(1)
		r.log.Warn("event not taken", "event", ev.Name, "error", err)
	}
	return err
}

// Configure puts the Engine's list of role configurations into the mailbox, in line with the events.
func (r *Role) Configure(ev wire.Event, roles []byte) error {
	return r.mailbox.put(letter{call: contract.Config, body: roles, event: ev})
}

// pump hands letters to the worker, in order, as many at a time as may be under way.
func (r *Role) pump() {
	for l := range r.mailbox.letters {
		select {
		case r.mailbox.under <- struct{}{}:
			r.post(l)
		case <-r.ctx.Done():
			r.finish(l, context.Cause(r.ctx))
		}
	}
}

// post sends one letter in its turn, and waits for what becomes of it beside the next.
func (r *Role) post(l letter) {
	answer, err := r.peer.Start(r.ctx, l.call, l.body)
	if err != nil {
		<-r.mailbox.under
		r.finish(l, err)
		return
	}
	r.running.Go(func() {
		err := answer(r.ctx, nil)
		<-r.mailbox.under
		r.finish(l, err)
	})
}

func (r *Role) finish(l letter, err error) {
	defer r.mailbox.open.Done()
	r.counts.note(err)
	if err == nil {
		return
	}
	if errors.Is(err, ipc.ErrClosed) {
		<-r.ctx.Done() // the reason is about to be known
		err = context.Cause(r.ctx)
	}
	r.log.Error("handler failed", "event", l.event.Name, "error", err)
	r.cfg.Lost(l.event, r.manifest.Name, err)
}
