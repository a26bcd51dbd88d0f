package enginetest

import (
	"context"
	"net"
	"sync"
)

// Scissors dial, and cut one connection once, when so many bytes have passed in one direction over all connections.
type Scissors struct {
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)
	Up     bool // count what is sent, not what is received
	At     int  // the byte before which the cut is; -1 for never

	mu     sync.Mutex
	passed int
	done   bool
}

// Dial dials a connection that may be cut.
func (s *Scissors) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.Dialer(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &thread{conn, s}, nil
}

// Passed is how many bytes have passed in the direction that counts.
func (s *Scissors) Passed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passed
}

// pass says how many of n bytes still go through, and whether that was the cut.
func (s *Scissors) pass(n int) (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.At >= 0 && !s.done && s.passed+n > s.At {
		s.done = true
		return s.At - s.passed, true
	}
	s.passed += n
	return n, false
}

// thread is a connection that may be cut.
type thread struct {
	net.Conn
	scissors *Scissors
}

func (c *thread) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.scissors.Up || n == 0 {
		return n, err
	}
	n, cut := c.scissors.pass(n)
	if cut {
		_ = c.Close()
		return n, net.ErrClosed
	}
	return n, err
}

func (c *thread) Write(b []byte) (int, error) {
	if !c.scissors.Up {
		return c.Conn.Write(b)
	}
	n, cut := c.scissors.pass(len(b))
	if !cut {
		return c.Conn.Write(b)
	}
	n, _ = c.Conn.Write(b[:n])
	_ = c.Close()
	return n, net.ErrClosed
}
