package tunneltest

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Relay stands between an agent and an Engine, and does to their packets what networks do.
type Relay struct {
	t      testing.TB
	engine *net.UDPAddr

	mu    sync.Mutex
	inner *net.UDPConn // towards the agent
	outer *net.UDPConn // towards the Engine
	agent *net.UDPAddr
	lose  int // of a hundred packets
	mix   int // of a hundred packets, how many come late
	cut   bool
}

// NewRelay starts one in front of a port of this machine. It ends with the test.
func NewRelay(t testing.TB, port string) *Relay {
	t.Helper()
	engine, err := net.ResolveUDPAddr("udp4", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{t: t, engine: engine}
	r.inner, r.outer = r.open(r.toEngine), r.open(r.toAgent)
	return r
}

// Port is where the agent sends its packets first.
func (r *Relay) Port() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, port, _ := net.SplitHostPort(r.inner.LocalAddr().String())
	return port
}

// open opens a socket whose packets are carried until the test ends.
func (r *Relay) open(carry func(from *net.UDPAddr, packet []byte)) *net.UDPConn {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		r.t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			carry(from, append([]byte(nil), buf[:n]...))
		}
	})
	r.t.Cleanup(func() {
		_ = conn.Close()
		running.Wait()
	})
	return conn
}

func (r *Relay) toEngine(from *net.UDPAddr, packet []byte) {
	r.mu.Lock()
	r.agent = from
	out := r.outer
	r.mu.Unlock()
	r.pass(out, r.engine, packet)
}

func (r *Relay) toAgent(_ *net.UDPAddr, packet []byte) {
	r.mu.Lock()
	out, to := r.inner, r.agent
	r.mu.Unlock()
	if to != nil {
		r.pass(out, to, packet)
	}
}

// pass sends a packet, now, later, or never.
func (r *Relay) pass(out *net.UDPConn, to *net.UDPAddr, packet []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.cut, rand.IntN(100) < r.lose:
	case rand.IntN(100) < r.mix:
		time.AfterFunc(time.Duration(1+rand.IntN(5))*time.Millisecond, func() { _, _ = out.WriteToUDP(packet, to) })
	default:
		_, _ = out.WriteToUDP(packet, to)
	}
}

// Spoil loses some of a hundred packets, and lets others come after those that follow.
func (r *Relay) Spoil(lose, mix int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lose, r.mix = lose, mix
}

// Cut lets nothing through, or everything again.
func (r *Relay) Cut(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
}

// Rebind gives the agent another address in the Engine's eyes, as a NAT does that has forgotten it.
func (r *Relay) Rebind() {
	conn := r.open(r.toAgent)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outer = conn
}

// Roam gives the Engine another address in the agent's eyes.
func (r *Relay) Roam() {
	conn := r.open(r.toEngine)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inner = conn
}

// Inject sends the agent a packet that is not the Engine's.
func (r *Relay) Inject(packet []byte) { r.toAgent(nil, packet) }
