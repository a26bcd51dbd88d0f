package socketio

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// transport carries a session's frames. Reading and writing go on side by side, each from one goroutine.
type transport interface {
	// read waits for the next frames.
	read(ctx context.Context) ([]frame, error)
	// write returns when the frames are on their way. After CLOSE it takes leave of the peer as the transport can.
	write(ctx context.Context, fs []frame) error
	close()
}

// start sets the session's goroutines going.
func (c *Conn) start(t transport, open opening) {
	if c.cfg.Polling && !c.cfg.NoUpgrade && slices.Contains(open.Upgrades, "websocket") {
		probe := make(chan *link, 1)
		c.wg.Go(func() { probe <- c.probeWebsocket() })
		c.probe = probe
	}
	c.polling.Store(c.cfg.Polling)
	c.wg.Go(func() { c.run(t) })
}

// run carries the session from its first transport to its end.
func (c *Conn) run(t transport) {
	for t != nil {
		t = c.carry(t)
	}
	if c.probe != nil {
		if l := <-c.probe; l != nil {
			l.close()
		}
	}
}

// carry runs the session on t until it ends, or until t gives way to the next transport.
func (c *Conn) carry(t transport) transport {
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.writeLoop(ctx, t)
	}()
	next, err := c.readLoop(t)
	if err != nil {
		c.fail(err)
	}
	stop()
	<-written // what was being written went out on t, the rest waits for next
	t.close()
	if next == nil {
		return nil
	}
	if err := next.write(c.ctx, []frame{text("5")}); err != nil {
		c.fail(err)
		next.close()
		return nil
	}
	c.polling.Store(false)
	return next
}

// readLoop handles what t brings. Polling ends without an error when a websocket is ready to go on with.
func (c *Conn) readLoop(t transport) (next transport, err error) {
	for {
		c.dog.heard() // its clock runs while somebody listens
		fs, err := t.read(c.ctx)
		c.dog.pause()
		if err != nil {
			return nil, err
		}
		for _, f := range fs {
			if err := c.handle(f); err != nil {
				return nil, err
			}
		}
		if l := c.probed(fs); l != nil {
			return l, nil
		}
	}
}

// probed returns the websocket to go on with, if it is ready. NOOP says that the peer is: polling on would then
// be answered by nothing until its next ping.
func (c *Conn) probed(fs []frame) *link {
	var wait chan *link
	if slices.ContainsFunc(fs, func(f frame) bool { return f.is("6") }) {
		wait = c.probe
	}
	select {
	case l := <-c.probe:
		return c.took(l)
	default:
	}
	if wait == nil {
		return nil
	}
	select {
	case l := <-wait:
		return c.took(l)
	case <-c.ctx.Done():
		return nil
	}
}

func (c *Conn) took(l *link) *link {
	c.probe = nil
	return l
}

func (c *Conn) handle(f frame) error {
	if f.binary {
		return c.message(f)
	}
	kind, err := f.kind()
	if err != nil {
		return err
	}
	switch kind {
	case engineMessage:
		return c.message(frame{data: f.data[1:]})
	case enginePing:
		c.pings.came()
		select {
		case c.pong <- struct{}{}:
		default:
		}
		return nil
	case engineNoop:
		return nil
	case engineClose:
		return fmt.Errorf("%w by the peer", ErrClosed)
	}
	return fmt.Errorf("%w: unexpected Engine.IO packet %q", ErrProtocol, kind)
}

func (c *Conn) message(f frame) error {
	p, complete, err := c.join.add(f)
	if err != nil || !complete || p.namespace != c.cfg.Namespace {
		return err
	}
	switch p.kind {
	case kindConnect:
		return c.accepted(p)
	case kindConnectError:
		return decodeConnectError(p.data)
	case kindDisconnect:
		return fmt.Errorf("%w by the peer: namespace %q", ErrClosed, p.namespace)
	}
	return c.end.receive(p, c.join.size)
}

func (c *Conn) accepted(p packet) error {
	var answer struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal(p.data, &answer); err != nil || answer.SID == "" {
		return fmt.Errorf("%w: CONNECT answered without an ID", ErrProtocol)
	}
	select {
	case c.connected <- answer.SID:
	default: // a second answer changes nothing
	}
	return nil
}

// decodeConnectError takes an object with a message, or a bare string as revision 4 sent it.
func decodeConnectError(data json.RawMessage) error {
	var refusal ConnectError
	if json.Unmarshal(data, &refusal) != nil && json.Unmarshal(data, &refusal.Message) != nil {
		return fmt.Errorf("%w: CONNECT_ERROR: %.200q", ErrProtocol, data)
	}
	return &refusal
}
