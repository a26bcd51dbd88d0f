package tunnel

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
)

// BenchmarkForward measures a forwarded port against Debian's wireguard-go, each way, and the time that a connection
// takes to come about.
func BenchmarkForward(b *testing.B) {
	const size = 32 << 20
	key := tunneltest.NewKey(b)
	e := tunneltest.StartDebian(b, key.PublicKey())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { // "d": give so much; else take all
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				first := make([]byte, 1)
				io.ReadFull(c, first)
				if first[0] == 'd' {
					io.CopyN(c, zero{}, size)
					return
				}
				io.Copy(io.Discard, c)
				c.Write(first)
			})
		}
	})
	defer running.Wait()
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	tunnels := newTunnels(b)
	tunnels.Keep(offer(e.PublicKey, tunneltest.Text(key.Bytes()), e.Port, port))
	s, err := tunnels.Open(b.Context(), testID, options(port))
	if err != nil {
		b.Fatal(err)
	}
	until(b, "a handshake", func() bool { return s.State().Handshake != nil })
	connect := func() net.Conn {
		c, err := e.Connect(context.Background(), port)
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	b.Run("connect", func(b *testing.B) {
		for b.Loop() {
			connect().Close()
		}
	})
	b.Run("to-engine", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			c := connect()
			c.Write([]byte("d"))
			if n, err := io.Copy(io.Discard, c); n != size || err != nil {
				b.Fatal(n, err)
			}
			c.Close()
		}
	})
	b.Run("to-machine", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			c := connect()
			if n, err := io.CopyN(c, zero{}, size); n != size || err != nil {
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
