package tunnel

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
)

// TestAgainstDebiansWireGuard carries data both ways to a peer that is not ours.
func TestAgainstDebiansWireGuard(t *testing.T) {
	key := tunneltest.NewKey(t)
	e := tunneltest.StartDebian(t, key.PublicKey())
	port := tunneltest.Echo(t)
	tunnels := newTunnels(t)
	tunnels.Keep(offer(e.PublicKey, tunneltest.Text(key.Bytes()), e.Port, port, 47002))
	s, err := tunnels.Open(t.Context(), testID, options(port))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a handshake", func() bool { return s.State().Handshake != nil })
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		c, err := e.Connect(ctx, port)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, c, 4<<20)
		c.Close()
	}
	if _, err := e.Connect(t.Context(), 22); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a port that is not forwarded: %v", err)
	}
	t.Run("small packets", func(t *testing.T) {
		tunneltest.Command(t, "ip", "-n", e.Name, "link", "set", e.Name, "mtu", "1280")
		c, err := e.Connect(t.Context(), port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		roundTrip(t, c, 1<<20)
	})
	t.Run("another session", func(t *testing.T) { // as after an agent that ended without a word
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := tunnels.Open(t.Context(), testID, options(port))
		if err != nil {
			t.Fatal(err)
		}
		until(t, "a handshake", func() bool { return s.State().Handshake != nil })
		c, err := e.Connect(t.Context(), port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		roundTrip(t, c, 1<<20)
	})
}
