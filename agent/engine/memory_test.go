package engine

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeNet is a network of one listener in memory, so that time may stand still while something is on the way.
type pipeNet struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeNet() *pipeNet { return &pipeNet{conns: make(chan net.Conn), done: make(chan struct{})} }

func (n *pipeNet) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *pipeNet) Close() error   { n.once.Do(func() { close(n.done) }); return nil }
func (n *pipeNet) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

func (n *pipeNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	up, down := newStream(), newStream()
	select {
	case n.conns <- &memoryConn{net: n, in: up, out: down}:
		return &memoryConn{net: n, in: down, out: up}, nil
	case <-n.done:
		return nil, &net.OpError{Op: "dial", Err: io.EOF}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// memoryConn is one end of a connection. Unlike net.Pipe it takes what is written at once, as a socket does.
type memoryConn struct {
	net     *pipeNet
	in, out *stream
}

func (c *memoryConn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *memoryConn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c *memoryConn) LocalAddr() net.Addr         { return c.net.Addr() }
func (c *memoryConn) RemoteAddr() net.Addr        { return c.net.Addr() }

func (c *memoryConn) Close() error {
	c.in.shut(true)
	c.out.shut(false)
	return nil
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.expire(t)
	return nil
}

func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil } // a write never waits
func (c *memoryConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }

// stream carries bytes one way.
type stream struct {
	mu      sync.Mutex
	changed *sync.Cond
	data    []byte
	ended   bool // by the writer, once data is read
	dropped bool // by the reader
	late    bool
	timer   *time.Timer
}

func newStream() *stream {
	s := new(stream)
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.dropped:
			return 0, net.ErrClosed
		case s.late:
			return 0, os.ErrDeadlineExceeded
		case len(s.data) > 0:
			n := copy(b, s.data)
			s.data = s.data[n:]
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *stream) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.dropped {
		return 0, net.ErrClosed
	}
	s.data = append(s.data, b...)
	s.changed.Broadcast()
	return len(b), nil
}

func (s *stream) shut(byReader bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if byReader {
		s.dropped = true
	} else {
		s.ended = true
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.changed.Broadcast()
}

func (s *stream) expire(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.late = !at.IsZero() && !at.After(time.Now())
	if !at.IsZero() && !s.late {
		s.timer = time.AfterFunc(time.Until(at), func() { s.expire(at) })
	}
	s.changed.Broadcast()
}
