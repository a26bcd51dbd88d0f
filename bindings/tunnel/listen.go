package tunnel

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// The classes of what listen, accept and dial return.
const (
	listenerType = "tunnel.Listener"
	connType     = "tunnel.Conn"
)

// handles are the things that a role keeps.
func handles() []bindings.HandleType {
	return []bindings.HandleType{
		{Name: listenerType, Methods: map[string]bindings.Func{
			"accept": {Waits: true, Do: accept},
		}},
		{Name: connType, Methods: map[string]bindings.Func{
			"read":      {Waits: true, Do: read},
			"read_line": {Waits: true, Do: readLine},
			"write":     {Waits: true, Do: write},
		}},
	}
}

// listener takes the connections to one port, and hands them out one at a time.
type listener struct {
	net.Listener
	after func(time.Duration, func()) func() bool
	conns chan net.Conn
	end   context.CancelFunc
	ended context.Context
	done  sync.WaitGroup
}

func (m *module) listen(_ context.Context, port int) (bindings.Handle, error) {
	s, err := m.current("listen", port)
	if err != nil {
		return bindings.Handle{}, err
	}
	inner, err := s.Listen(port)
	if err != nil {
		return bindings.Handle{}, err
	}
	l := &listener{Listener: inner, after: m.host.AfterFunc, conns: make(chan net.Conn)}
	l.ended, l.end = context.WithCancel(context.Background())
	l.done.Go(l.take)
	return bindings.Handle{Type: listenerType, Value: l}, nil
}

// current is the open tunnel, for a role that may call a function on a port.
func (m *module) current(function string, port int) (Session, error) {
	if port < 1 || port > 65535 {
		return nil, bindings.Misused("argument 1: %d is no port", port)
	}
	if err := m.may(function); err != nil {
		return nil, err
	}
	s := m.device.Current()
	if s == nil || !m.hold(s) {
		return nil, bindings.Fail("closed", "no tunnel is open")
	}
	return s, nil
}

// take waits for connections until the listener is closed, here or with its tunnel.
func (l *listener) take() {
	defer l.end()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		select {
		case l.conns <- conn:
		case <-l.ended.Done():
			conn.Close()
			return
		}
	}
}

// Close gives the port back.
func (l *listener) Close() error {
	l.end()
	err := l.Listener.Close()
	l.done.Wait()
	return err
}

type acceptOptions struct {
	Timeout time.Duration `lua:"timeout" default:"0"`
}

func accept(ctx context.Context, l *listener, opts acceptOptions) (*bindings.Handle, error) {
	late, disarm := alarm(l.after, opts.Timeout)
	defer disarm()
	select {
	case inner := <-l.conns:
		return &bindings.Handle{Type: connType, Value: &conn{Conn: inner, after: l.after}}, nil
	case <-l.ended.Done():
		return nil, bindings.Fail("closed", "the port is no longer listened on")
	case <-late:
		return nil, bindings.Fail("timeout", "no connection within %v seconds", opts.Timeout.Seconds())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// alarm closes a channel after a time; 0 is never.
func alarm(after func(time.Duration, func()) func() bool, d time.Duration) (late chan struct{}, disarm func() bool) {
	late = make(chan struct{})
	if d <= 0 {
		return late, func() bool { return true }
	}
	return late, after(d, func() { close(late) })
}
