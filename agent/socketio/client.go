package socketio

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// closeGrace is how long taking leave of the peer may last.
const closeGrace = time.Second

// Conn is the client half of one session with one namespace. Its methods may be called from many goroutines.
type Conn struct {
	cfg  Config
	site *site
	id   string
	end  *endpoint
	dog  *watchdog

	ctx    context.Context // the session; its cause is what Err returns
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	limit     int64 // bytes of one frame that the peer takes
	polling   atomic.Bool
	probe     chan *link // the websocket that polling may give way to, nil in it if it failed; nil when there is none
	join      assembler
	pings     pings
	pong      chan struct{} // a ping waits for its answer
	out       chan outgoing
	connected chan string   // the peer's answer to CONNECT: the ID
	leaving   chan struct{} // closed by Close
	parting   sync.Once
}

// Dial opens a session and returns once the peer has answered the namespace's CONNECT. The context bounds only
// Dial. A refusal is a [HandshakeError] or a [ConnectError]; an answer that does not come in time is
// [context.DeadlineExceeded].
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	cfg, s, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	c, err := dial(bounded, cfg, s)
	switch {
	case err == nil:
		return c, nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case bounded.Err() != nil:
		err = fmt.Errorf("no answer within %v: %w", cfg.ConnectTimeout, bounded.Err())
	}
	return nil, fmt.Errorf("connect to %q: %w", s.base.Host, err)
}

func dial(ctx context.Context, cfg Config, s *site) (*Conn, error) {
	connect, err := encodeConnect(cfg)
	if err != nil {
		return nil, err
	}
	dog := new(watchdog)
	t, open, err := openTransport(ctx, cfg, s, dog.heard)
	if err != nil {
		return nil, err
	}
	c := newConn(cfg, s, open, dog)
	c.start(t, open)
	if err := c.connect(ctx, connect); err != nil {
		c.cancel(err)
		c.wg.Wait()
		return nil, context.Cause(c.ctx)
	}
	return c, nil
}

func encodeConnect(cfg Config) ([]frame, error) {
	p := packet{kind: kindConnect, namespace: cfg.Namespace, id: noID}
	if cfg.Auth != nil {
		var err error
		if p.data, err = encodeJSON(cfg.Auth); err != nil {
			return nil, fmt.Errorf("connect payload: %w", err)
		}
	}
	return p.frames(), nil
}

func newConn(cfg Config, s *site, open opening, dog *watchdog) *Conn {
	c := &Conn{
		cfg: cfg, site: s, dog: dog, limit: open.limit(cfg.MaxPayload), join: assembler{max: cfg.MaxPayload},
		pong: make(chan struct{}, 1), out: make(chan outgoing), connected: make(chan string, 1), leaving: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	silence := open.silence()
	dog.start(silence, func() { c.fail(fmt.Errorf("%w: silent for %v", ErrPingTimeout, silence)) })
	c.end = &endpoint{namespace: cfg.Namespace, ctx: c.ctx, send: c.send, leaving: c.leaving}
	if cfg.OnEvent != nil {
		c.end.inbox = newQueue[Message](cfg.QueueLen, cfg.MaxPayload)
		c.wg.Go(func() { c.end.deliver(cfg.OnEvent) })
	}
	return c
}

// connect asks for the namespace and waits for the answer.
func (c *Conn) connect(ctx context.Context, request []frame) error {
	err := c.send(ctx, request)
	if err == nil {
		select {
		case c.id = <-c.connected:
			return nil
		case <-ctx.Done():
			err = ctx.Err()
		case <-c.ctx.Done():
			err = ended(c.ctx)
		}
	}
	select {
	case c.id = <-c.connected: // the session stood, if not for long
		return nil
	default:
		return err
	}
}

// ID returns the identifier that the peer gave to this connection with the namespace.
func (c *Conn) ID() string { return c.id }

// Transport returns "websocket" or "polling": what carries the session at this moment.
func (c *Conn) Transport() string { return transportName(c.polling.Load()) }

func transportName(polling bool) string {
	if polling {
		return "polling"
	}
	return "websocket"
}

// Emit sends an event and returns once the operating system (on polling: the peer) has taken it. Nothing is
// buffered: while the session is busy writing, Emit waits. If the context ends first, the event may or may not go out.
func (c *Conn) Emit(ctx context.Context, event string, args ...any) error {
	return c.end.emit(ctx, event, args)
}

// Call sends an event and waits for its acknowledgement.
func (c *Conn) Call(ctx context.Context, event string, args ...any) ([]json.RawMessage, error) {
	m, err := c.end.call(ctx, event, args)
	return m.Args, err
}

// CallMessage is Call for an acknowledgement that may hold binary values.
func (c *Conn) CallMessage(ctx context.Context, event string, args ...any) (Message, error) {
	return c.end.call(ctx, event, args)
}

// Done is closed when the session is over.
func (c *Conn) Done() <-chan struct{} { return c.ctx.Done() }

// Err returns nil while the session lives, then why it ended: [ErrClosed] if either side took leave.
func (c *Conn) Err() error { return context.Cause(c.ctx) }

// Close takes leave of the peer, ends the session and waits for its goroutines, a running OnEvent included: do
// not call it from there. Events that still wait are dropped. It may be called again.
func (c *Conn) Close() error {
	c.parting.Do(func() {
		close(c.leaving)
		defer time.AfterFunc(closeGrace, func() { c.cancel(ErrClosed) }).Stop()
		c.wg.Wait()
	})
	return nil
}

// fail ends the session. What goes wrong while taking leave is part of the leaving.
func (c *Conn) fail(err error) {
	select {
	case <-c.leaving:
		err = ErrClosed
	default:
	}
	c.cancel(err)
}
