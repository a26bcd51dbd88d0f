package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// Connected says whether there is a session with the Engine, as far as can be known.
func (c *Client) Connected() bool { return c.current() != nil }

// WaitConnected waits until there is a session with the Engine.
func (c *Client) WaitConnected(ctx context.Context) error {
	c.mu.Lock()
	online := c.online
	c.mu.Unlock()
	select {
	case <-online:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Emit sends an event with data as its one argument, none when data is nil, and returns nil once the Engine has it:
// the Engine acknowledged it, or, since not every Engine and every event is acknowledged, later pings have proved that
// all sent before was received. An event for which this Engine has no ear is only sent: see ears. ErrNotConnected says that it was not sent; after any other error the Engine may or may
// not have it. Many may be on the way at once.
func (c *Client) Emit(ctx context.Context, event string, data json.RawMessage) error {
	conn := c.current()
	if conn == nil {
		return fmt.Errorf("event %q: %w", event, ErrNotConnected)
	}
	var args []any
	if data != nil {
		args = []any{data}
	}
	if c.ears.unheard(event) {
		return conn.Emit(ctx, event, args...)
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	acked, pinged := make(chan error, 1), make(chan error, 1)
	wg.Go(func() {
		_, err := conn.Call(ctx, event, args...)
		acked <- err
	})
	wg.Go(func() { pinged <- conn.Pinged(ctx) })
	select {
	case err := <-acked:
		if err == nil {
			c.ears.heard(event)
		}
		return err
	case err := <-pinged:
		if err == nil {
			c.ears.missed(event)
			return nil
		}
		return <-acked // the session ended; an acknowledgement may have come just before
	}
}

// current is the session, nil when there is none or it has just ended.
func (c *Client) current() *socketio.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil
	}
	select {
	case <-c.conn.Done():
		return nil
	default:
		return c.conn
	}
}
