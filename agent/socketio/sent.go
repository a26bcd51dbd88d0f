package socketio

import (
	"context"
	"fmt"
	"sync"
)

// Sent is an event that was written; whether the peer has it is yet to be known.
type Sent struct {
	conn   *Conn
	event  string
	id     int64
	answer <-chan Message
	pings  int // that were answered before
}

// Send sends an event and returns once it is written, as Emit does. It asks for an acknowledgement: see Received, which
// is to be called for every event that was sent.
func (c *Conn) Send(ctx context.Context, event string, args ...any) (*Sent, error) {
	id, answer := c.end.expect()
	fs, err := encodeEvent(c.cfg.Namespace, id, event, args)
	if err != nil {
		c.end.forget(id)
		return nil, err
	}
	pings, err := c.write(ctx, fs)
	if err != nil {
		c.end.forget(id)
		return nil, fmt.Errorf("event %q: %w", event, err)
	}
	return &Sent{conn: c, event: event, id: id, answer: answer, pings: pings}, nil
}

// Received waits until the peer has proved that it received the event: by its acknowledgement, or, since not every peer
// acknowledges every event, by a ping that follows upon our answer to another, which in turn follows the event. That
// takes up to two of the peer's ping intervals.
func (s *Sent) Received(ctx context.Context) error {
	defer s.conn.end.forget(s.id)
	for {
		proved, changed := s.conn.pings.watch()
		if proved > s.pings {
			return nil
		}
		select {
		case <-changed:
		case <-s.answer:
			return nil
		case <-ctx.Done():
			return s.unless(ctx.Err())
		case <-s.conn.ctx.Done():
			return s.unless(ended(s.conn.ctx))
		}
	}
}

// unless is the error of a wait that ended, unless the answer was the last thing that came.
func (s *Sent) unless(err error) error {
	select {
	case <-s.answer:
		return nil
	default:
		return fmt.Errorf("event %q: not known to be received: %w", s.event, err)
	}
}

// pings counts the peer's pings by what they prove: a peer pings again only after it has read our answer to the ping
// before, and with it everything that was written before that answer.
type pings struct {
	mu      sync.Mutex
	written int           // answers
	proved  int           // answers that the peer has read
	changed chan struct{} // closed, and replaced, when that grows
}

// answer notes that a ping was answered.
func (p *pings) answer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written++
}

func (p *pings) answered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written
}

// came notes a ping.
func (p *pings) came() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proved = p.written
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

func (p *pings) watch() (proved int, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.proved, p.changed
}
