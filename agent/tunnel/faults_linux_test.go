package tunnel

import (
	"context"
	"crypto/rand"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
)

// troubled is a session with Debian's wireguard-go behind a relay, in one of the two modes.
type troubled struct {
	*testing.T
	debian  *tunneltest.Debian
	relay   *tunneltest.Relay
	session *Session
	port    int
}

// bothModes runs a test in both modes, each alone on its machine.
func bothModes(t *testing.T, test func(troubled)) {
	t.Helper()
	if !tunneltest.Alone(t) {
		return
	}
	for mode, make := range map[string]func(testing.TB) *Tunnels{"netstack": newTunnels, "tun": newMachineTunnels} {
		t.Run(mode, func(t *testing.T) {
			key := tunneltest.NewKey(t)
			d := troubled{T: t, debian: tunneltest.StartDebian(t, key.PublicKey()), port: tunneltest.EchoAt(t, "0.0.0.0")}
			d.relay = tunneltest.NewRelay(t, d.debian.Port)
			tunnels := make(t)
			tunnels.Keep(offer(d.debian.PublicKey, tunneltest.Text(key.Bytes()), d.relay.Port(), d.port))
			s, err := tunnels.Open(t.Context(), testID, options(d.port))
			if err != nil {
				t.Fatal(err)
			}
			d.session = s
			until(t, "a handshake", func() bool { return s.State().Handshake != nil })
			test(d)
		})
	}
}

func (d troubled) connect() net.Conn {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), time.Minute)
	defer cancel()
	c, err := d.debian.Connect(ctx, d.port)
	if err != nil {
		d.Fatal(err)
	}
	return c
}

func (d troubled) carries(size int) {
	d.Helper()
	c := d.connect()
	defer c.Close()
	roundTrip(d.T, c, size)
}

func TestASpoiltWay(t *testing.T) {
	bothModes(t, func(d troubled) {
		d.relay.Spoil(3, 10)
		d.carries(enginetest.AtLength(8<<20, 1<<20))
		d.relay.Spoil(0, 0)
	})
}

// TestAWayThatMoves goes on with a connection while first the agent, then the Engine changes its address.
func TestAWayThatMoves(t *testing.T) {
	bothModes(t, func(d troubled) {
		c := d.connect()
		defer c.Close()
		for _, move := range []func(){func() {}, d.relay.Rebind, d.relay.Roam, d.relay.Rebind} {
			move()
			says(d.T, c, "tern")
		}
		if at := d.session.State().Endpoint; !strings.HasSuffix(at, ":"+d.relay.Port()) {
			d.Errorf("the Engine is at %s, the agent sends to %s", d.relay.Port(), at)
		}
	})
}

// TestAnEngineThatVanishes comes back while a connection waits for it.
func TestAnEngineThatVanishes(t *testing.T) {
	bothModes(t, func(d troubled) {
		c := d.connect()
		defer c.Close()
		says(d.T, c, "tern")
		d.relay.Cut(true)
		if _, err := c.Write([]byte("gull")); err != nil {
			d.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
			d.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 4)); err == nil {
			d.Fatalf("%d bytes through nothing", n)
		}
		d.relay.Cut(false)
		hears(d.T, c, "gull")
	})
}

// TestSmallPackets has a way that takes no larger ones than IPv6 must.
func TestSmallPackets(t *testing.T) {
	bothModes(t, func(d troubled) {
		d.debian.Run(d, "ip", "link", "set", d.debian.Name, "mtu", "1280")
		d.carries(1 << 20)
	})
}

// TestAStormOfHandshakes has somebody greet the agent thousands of times while it works.
func TestAStormOfHandshakes(t *testing.T) {
	bothModes(t, func(d troubled) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range enginetest.AtLength(200_000, 20_000) {
				greeting := make([]byte, 148) // an initiation of WireGuard's, type 1
				rand.Read(greeting)
				copy(greeting, []byte{1, 0, 0, 0})
				d.relay.Inject(greeting)
			}
		}()
		d.carries(1 << 20)
		<-done
		d.carries(64 << 10)
	})
}

// TestAWrongKey greets an Engine that knows another device.
func TestAWrongKey(t *testing.T) {
	if !tunneltest.Alone(t) {
		return
	}
	known, other := tunneltest.NewKey(t), tunneltest.NewKey(t)
	e := tunneltest.StartDebian(t, known.PublicKey())
	tunnels := newTunnels(t)
	tunnels.Keep(offer(e.PublicKey, tunneltest.Text(other.Bytes()), e.Port, 22))
	s, err := tunnels.Open(t.Context(), testID, options(22))
	if err != nil {
		t.Fatal(err)
	}
	const greeting = 148
	until(t, "a second greeting", func() bool { return s.State().Sent >= 2*greeting })
	if state := s.State(); state.Handshake != nil || state.Received > 0 {
		t.Errorf("%+v", state)
	}
}

// says sends a word and expects it back.
func says(t *testing.T, c net.Conn, word string) {
	t.Helper()
	if _, err := c.Write([]byte(word)); err != nil {
		t.Fatal(err)
	}
	hears(t, c, word)
}

func hears(t *testing.T, c net.Conn, word string) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(word))
	for n := 0; n < len(got); {
		read, err := c.Read(got[n:])
		if err != nil {
			t.Fatalf("after %q: %v", got[:n], err)
		}
		n += read
	}
	if string(got) != word {
		t.Fatalf("got %q, want %q", got, word)
	}
}
