package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// ErrTooLarge says that an event was not sent, since it is over the limit of the Engine or of the agent itself.
var ErrTooLarge = errors.New("the event is over the message limit")

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

// Send sends an event with data as its one argument, none when data is nil, and returns once it is written; for a session
// to write it to it waits until ctx ends. Many may be on the way at once. The function that it returns waits until the
// Engine has the event: the Engine acknowledged it, or, since not every Engine and every event is acknowledged, later pings
// have proved that it was received. After an error of either the Engine may or may not have it, but for ErrTooLarge.
func (c *Client) Send(ctx context.Context, event string, data json.RawMessage) (received func(context.Context) error, err error) {
	conn, err := c.connection(ctx)
	if err != nil {
		return nil, fmt.Errorf("event %q: %w", event, err)
	}
	sent, err := conn.Send(ctx, event, args(data)...)
	if err != nil {
		return nil, sendError(err)
	}
	return sent.Received, nil
}

// Emit is Send for an event of which nobody asks whether the Engine has it.
func (c *Client) Emit(ctx context.Context, event string, data json.RawMessage) error {
	conn, err := c.connection(ctx)
	if err != nil {
		return fmt.Errorf("event %q: %w", event, err)
	}
	return sendError(conn.Emit(ctx, event, args(data)...))
}

func args(data json.RawMessage) []any {
	if data == nil {
		return nil
	}
	return []any{data}
}

// sendError tells a message that was too large to be sent from a session that ended because of one.
func sendError(err error) error {
	if errors.Is(err, socketio.ErrTooLarge) && !errors.Is(err, socketio.ErrClosed) {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return err
}

// connection waits for a session.
func (c *Client) connection(ctx context.Context) (*socketio.Conn, error) {
	if err := c.WaitConnected(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotConnected, err)
	}
	if conn := c.current(); conn != nil {
		return conn, nil
	}
	return nil, ErrNotConnected // it has just ended, and is about to be said so
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
