package main_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// relay is a line to the Engine that can be bad. What it does to bytes it does to those of connections that are there
// and of new ones alike.
type relay struct {
	t        testing.TB
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	how   badness
	lines map[net.Conn]bool
}

// badness is what a line does to what goes over it.
type badness struct {
	delay  time.Duration // of each piece
	rate   int           // bytes a second; 0 is no limit
	silent bool          // takes everything and passes nothing on, as when the other end has lost its power
}

// newRelay is a good line to the Engine at a URL, until the test says otherwise.
func newRelay(t testing.TB, url string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(url, "https://"))
	must(t, err)
	r := &relay{t: t, listener: l, target: net.JoinHostPort("127.0.0.1", port), lines: map[net.Conn]bool{}}
	r.running.Go(r.accept)
	t.Cleanup(func() {
		l.Close()
		r.reset()
		r.running.Wait()
	})
	return r
}

// url is where the Engine is found through the relay, under the name that its certificate has.
func (r *relay) url() string {
	_, port, _ := net.SplitHostPort(r.listener.Addr().String())
	return "https://localhost:" + port
}

func (r *relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.target)
		if err != nil {
			near.Close()
			continue
		}
		r.mu.Lock()
		r.lines[near], r.lines[far] = true, true
		r.mu.Unlock()
		r.running.Go(func() { r.carry(near, far) })
		r.running.Go(func() { r.carry(far, near) })
	}
}

// carry passes on what comes from one end, as badly as it should at that moment.
func (r *relay) carry(to, from net.Conn) {
	defer r.hangUp(to, from)
	piece := make([]byte, 4096)
	for {
		n, err := from.Read(piece)
		how := r.now()
		if how.silent {
			n = 0
		}
		time.Sleep(how.delay)
		if how.rate > 0 {
			time.Sleep(time.Duration(n) * time.Second / time.Duration(how.rate))
		}
		if _, werr := to.Write(piece[:n]); werr != nil || err != nil {
			return
		}
	}
}

func (r *relay) now() badness {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.how
}

func (r *relay) set(how badness) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.how = how
}

func (r *relay) hangUp(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(r.lines, c)
	}
}

// reset ends all connections the hard way.
func (r *relay) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.lines {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}
