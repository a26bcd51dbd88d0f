package role

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

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
	since time.Time  // when it came
	late  bool       // it concerns what is under way, and is taken also while the role drains
}

// mailbox is the bounded line in front of a worker. Letters go to it in order, save that one whose event is under way as
// often as the role allows lets others by.
type mailbox struct {
	limits Limits
	wake   chan struct{} // something may have become possible

	mu      sync.Mutex
	atOnce  map[string]int // event -> how many may be under way; what is not here has no bound of its own
	closed  bool           // only late letters are taken
	over    bool           // none are
	waiting []*letter
	under   []*letter
	open    sync.WaitGroup // letters taken and not yet done with
}

func (m *mailbox) init(l Limits) {
	m.limits, m.wake = l, make(chan struct{}, 1)
}

// bound sets how many of each event may be under way at a time.
func (m *mailbox) bound(atOnce map[string]int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.atOnce = atOnce
}

// put never blocks.
func (m *mailbox) put(l *letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.over, m.closed && !(l.late && len(m.under) > 0):
		return ErrDraining
	case len(m.waiting) >= m.limits.Waiting:
		return ErrFull
	}
	l.since = time.Now()
	m.open.Add(1)
	m.waiting = append(m.waiting, l)
	m.rouse()
	return nil
}

// rouse lets whoever waits for a letter look again.
func (m *mailbox) rouse() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.rouse()
}

// end closes the mailbox for good.
func (m *mailbox) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.over = true, true
}

// next waits for a letter that may go to the worker, and notes that it is under way; nil when none will ever come.
func (m *mailbox) next(ctx context.Context) *letter {
	for {
		l, more := m.pick()
		if l != nil || !more {
			return l
		}
		select {
		case <-m.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

func (m *mailbox) pick() (l *letter, more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.under) < m.limits.UnderWay {
		if i := slices.IndexFunc(m.waiting, m.mayGoLocked); i >= 0 {
			l = m.waiting[i]
			m.waiting = slices.Delete(m.waiting, i, i+1)
			m.under = append(m.under, l)
			return l, true
		}
	}
	return nil, !m.closed || len(m.waiting)+len(m.under) > 0
}

func (m *mailbox) mayGoLocked(l *letter) bool {
	most, bounded := m.atOnce[l.event.Name]
	if !bounded || l.call != contract.Event {
		return true
	}
	busy := 0
	for _, u := range m.under {
		if u.call == contract.Event && u.event.Name == l.event.Name {
			busy++
		}
	}
	return busy < most
}

// done notes that a letter is no longer under way.
func (m *mailbox) done(l *letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.under = slices.DeleteFunc(m.under, func(u *letter) bool { return u == l })
	m.rouse()
}

// withdraw takes letters out of the line.
func (m *mailbox) withdraw(which func(wire.Event) bool) (taken []*letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = slices.DeleteFunc(m.waiting, func(l *letter) bool {
		if !which(l.event) {
			return false
		}
		taken = append(taken, l)
		return true
	})
	m.rouse()
	return taken
}

// counts are how many letters wait and how many are under way.
func (m *mailbox) counts() (waiting, under int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.waiting), len(m.under)
}

// Deliver puts an event into the role's mailbox. It never blocks.
func (r *Role) Deliver(ev wire.Event) error {
	err := r.mailbox.put(letterOf(ev))
	if errors.Is(err, ErrFull) {
		r.counts.full.Add(1)
		r.log.Warn("event not taken", "event", ev.Name, "error", err)
	}
	return err
}

// Remind is Deliver for an event that concerns what the role has under way: it is taken also while that keeps the role
// from its end.
func (r *Role) Remind(ev wire.Event) error {
	l := letterOf(ev)
	l.late = true
	return r.mailbox.put(l)
}

func letterOf(ev wire.Event) *letter {
	return &letter{
		call:  contract.Event,
		body:  contract.Happening{Name: ev.Name, Data: ev.Data, Bytes: ev.Bytes},
		event: ev,
	}
}

// Configure puts the Engine's list of role configurations into the mailbox, in line with the events. No list tells the
// role to stop what it does for those that came before.
func (r *Role) Configure(ev wire.Event, roles []byte) error {
	if len(roles) == 0 {
		return r.mailbox.put(&letter{call: contract.Stop, event: ev})
	}
	return r.mailbox.put(&letter{call: contract.Config, body: roles, event: ev})
}

// pump hands letters to the worker, in order, as many at a time as may be under way.
func (r *Role) pump() {
	for l := r.mailbox.next(r.ctx); l != nil; l = r.mailbox.next(r.ctx) {
		r.post(l)
	}
	r.mailbox.end()
	for _, l := range r.mailbox.withdraw(func(wire.Event) bool { return true }) {
		r.finish(l, context.Cause(r.ctx))
	}
}

// post sends one letter in its turn, and waits for what becomes of it beside the next.
func (r *Role) post(l *letter) {
	answer, err := r.peer.Start(r.ctx, l.call, l.body)
	if err != nil {
		r.mailbox.done(l)
		r.finish(l, err)
		return
	}
	r.running.Go(func() {
		err := answer(r.ctx, nil)
		r.mailbox.done(l)
		r.finish(l, err)
	})
}

func (r *Role) finish(l *letter, err error) {
	defer r.mailbox.open.Done()
	r.counts.note(err)
	if err == nil {
		if r.cfg.Done != nil {
			r.cfg.Done(l.event, r.manifest.Name)
		}
		return
	}
	if errors.Is(err, ipc.ErrClosed) {
		<-r.ctx.Done() // the reason is about to be known
		err = context.Cause(r.ctx)
	}
	r.log.Error("handler failed", "event", l.event.Name, "error", err)
	r.cfg.Lost(l.event, r.manifest.Name, err)
}
