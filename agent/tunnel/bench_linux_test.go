package tunnel

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
)

const much = 32 << 20

// BenchmarkTunnel measures a port of the agent's end as Debian's wireguard-go at the other one sees it: forwarded by the
// agent, through an interface of the agent's, and by another of Debian's wireguard-go in the agent's place.
func BenchmarkTunnel(b *testing.B) {
	b.Run("netstack", func(b *testing.B) { benchmarkAgent(b, newTunnels(b)) })
	b.Run("tun", func(b *testing.B) { benchmarkAgent(b, newMachineTunnels(b)) })
	b.Run("debian", func(b *testing.B) {
		key := tunneltest.NewKey(b)
		e := tunneltest.StartDebian(b, key.PublicKey())
		agent := e.StartDebianAgent(b, key)
		var port int
		if err := agent.Inside(func() { port = giver(b) }); err != nil {
			b.Fatal(err)
		}
		agent.Run(b, "ping", "-c", "1", "-W", "10", tunneltest.EngineIP) // it greets, as it knows where the other one is
		benchmarkPort(b, e, port)
	})
}

func benchmarkAgent(b *testing.B, tunnels *Tunnels) {
	key := tunneltest.NewKey(b)
	e, port := tunneltest.StartDebian(b, key.PublicKey()), giver(b)
	tunnels.Keep(offer(e.PublicKey, tunneltest.Text(key.Bytes()), e.Port, port))
	s, err := tunnels.Open(b.Context(), testID, options(port))
	if err != nil {
		b.Fatal(err)
	}
	until(b, "a handshake", func() bool { return s.State().Handshake != nil })
	benchmarkPort(b, e, port)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// giver gives much to who sends it a "d", gives back a byte that is an "e", and takes all of others.
func giver(b *testing.B) (port int) {
	b.Helper()
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		b.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			running.Go(func() { give(b.Context(), c) })
		}
	})
	b.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}

func give(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	first := make([]byte, 1)
	io.ReadFull(c, first)
	switch first[0] {
	case 'd':
		io.CopyN(c, zero{}, much)
	case 'e':
		c.Write(first)
		io.Copy(c, c)
	default:
		io.Copy(io.Discard, c)
		c.Write(first)
	}
}

func benchmarkPort(b *testing.B, e *tunneltest.Debian, port int) {
	connect := func(word string) net.Conn {
		c, err := e.Connect(context.Background(), port)
		if err != nil {
			b.Fatal(err)
		}
		c.Write([]byte(word))
		return c
	}
	b.Run("connect", func(b *testing.B) {
		for b.Loop() {
			connect("").Close()
		}
	})
	b.Run("byte", func(b *testing.B) {
		c := connect("e")
		defer c.Close()
		var took []time.Duration
		for b.Loop() {
			begun := time.Now()
			io.ReadFull(c, make([]byte, 1))
			took = append(took, time.Since(begun))
			c.Write([]byte("x"))
		}
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2].Seconds()*1000, "median-ms")
		b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	})
	b.Run("to-engine", func(b *testing.B) {
		b.SetBytes(much)
		for b.Loop() {
			c := connect("d")
			if n, err := io.Copy(io.Discard, c); n != much || err != nil {
				b.Fatal(n, err)
			}
			c.Close()
		}
	})
	b.Run("to-machine", func(b *testing.B) {
		b.SetBytes(much)
		for b.Loop() {
			c := connect("t")
			if n, err := io.CopyN(c, zero{}, much); n != much || err != nil {
				b.Fatal(n, err)
			}
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
			c.Close()
		}
	})
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { return len(p), nil }
