package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

const (
	reconnectFirst = 5 * time.Second
	reconnectMost  = time.Minute
	reconnectLeast = 200 * time.Millisecond
	stableAfter    = time.Minute // a session of this length was no failure
	greetTimeout   = 20 * time.Second
)

// Conversation is who hears what the Engine says. Event is called in order, one event at a time, and should return
// soon: some hundred events wait behind it, then the socket is read no further.
type Conversation interface {
	Event(ev wire.Event)
}

// Converse keeps a Socket.IO session with the Engine up until ctx ends, and returns the cause of the end. Each session
// is opened with a fresh token and introduces itself; between two of them lies a random time that grows with every
// failure, but for a machine that has slept: it comes back at once.
func (c *Client) Converse(ctx context.Context, with Conversation) error {
	failures := pace{first: reconnectFirst, most: reconnectMost}
	stale := ""
	for {
		began := c.cfg.Now()
		token, err := c.session(ctx, with, stale)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var refused *socketio.HandshakeError
		if stale = ""; errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
			stale = token
		}
		if c.cfg.Now().Sub(began) >= stableAfter {
			failures.failures = 0
		}
		wait := reconnectLeast
		if !errors.Is(err, errSlept) {
			wait = max(time.Duration(c.cfg.Jitter()*float64(failures.next())), reconnectLeast)
		}
		c.log.Warn("no session with the Engine", "error", err, "next", wait.Round(time.Millisecond))
		awake, done := c.whileAwake(ctx)
		err = sleep(awake, wait)
		done()
		if err != nil && !errors.Is(err, errSlept) {
			return err
		}
	}
}

// session is one session from its authentication to its end. It returns the token that it was opened with.
func (c *Client) session(ctx context.Context, with Conversation, stale string) (token string, err error) {
	if err := c.Authenticate(ctx); err != nil {
		return "", err
	}
	if token, err = c.token(ctx, stale); err != nil {
		return "", err
	}
	conn, err := socketio.Dial(ctx, socketio.Config{
		URL: c.base.Scheme + "://" + c.base.Host, Path: strings.TrimSuffix(c.base.Path, "/") + "/socket.io/",
		HTTPClient: c.door.http(), Header: c.header(token), OnEvent: func(m socketio.Message) { c.hear(with, m) },
	})
	if err != nil {
		return token, err
	}
	defer conn.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, done := c.whileAwake(ctx)
	defer done()
	if err := c.greet(ctx, conn); err != nil {
		return token, err
	}
	c.setConn(conn)
	defer c.setConn(nil)
	c.log.Info("connected to the Engine", "agent_id", c.AgentID())
	wg.Go(func() {
		if err := c.beat(ctx, map[string]json.RawMessage{}); err != nil && ctx.Err() == nil {
			c.log.Warn("heartbeat after the connect", "error", err)
		}
	})
	return token, c.attend(ctx, conn)
}

// attend waits for the session's end, and introduces the agent anew when its id changes.
func (c *Client) attend(ctx context.Context, conn *socketio.Conn) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-conn.Done():
			return conn.Err()
		case <-c.renamed:
			if err := c.greet(ctx, conn); err != nil {
				return err
			}
		}
	}
}

// greet registers the session under the agent id and asks for its configuration.
func (c *Client) greet(ctx context.Context, conn *socketio.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, greetTimeout)
	defer cancel()
	select {
	case <-c.renamed: // what is said now is the latest
	default:
	}
	id := c.AgentID()
	err := conn.Emit(ctx, wire.EventConnectAgent, wire.ConnectAgent{AgentID: id, ServiceMode: c.cfg.Mode.ServiceMode()})
	if err != nil {
		return fmt.Errorf("event %q: %w", wire.EventConnectAgent, err)
	}
	if err := conn.Emit(ctx, wire.EventRequestConfig, wire.RequestConfig{AgentID: id}); err != nil {
		return fmt.Errorf("event %q: %w", wire.EventRequestConfig, err)
	}
	return nil
}

// hear hands one event on. The Engine asks for no acknowledgements; one that is asked for says only that the event
// arrived.
func (c *Client) hear(with Conversation, m socketio.Message) {
	ev := wire.Event{Name: m.Event, At: c.cfg.Now()}
	if len(m.Args) > 0 {
		ev.Data = m.Args[0]
	}
	if m.Ack != nil {
		if err := m.Ack(); err != nil {
			c.log.Debug("acknowledgement", "event", m.Event, "error", err)
		}
	}
	with.Event(ev)
}

// setConn makes conn the session that Emit uses; nil ends that.
func (c *Client) setConn(conn *socketio.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn = conn; conn != nil {
		close(c.online)
		return
	}
	c.online = make(chan struct{})
}
