package tunnel

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestTheKernelsWireGuard meets the machine that scripts/kernel-wireguard.sh has booted: it gives back what port 7000 hears,
// and says the letter k again and again at a port of ours.
func TestTheKernelsWireGuard(t *testing.T) {
	machine := os.Getenv("BOREALIS_KERNEL_ENGINE")
	if machine == "" {
		t.Skip("make kernel-wireguard boots a kernel that has WireGuard, and runs this")
	}
	for mode, open := range map[string]func(testing.TB) *Tunnels{"netstack": newTunnels, "tun": newMachineTunnels} {
		t.Run(mode, func(t *testing.T) { meetKernel(t, machine, open(t)) })
	}
}

// meetKernel is the test itself, in one mode.
func meetKernel(t *testing.T, machine string, tunnels *Tunnels) {
	var port, server, key string
	var ours int
	if _, err := fmt.Sscan(machine, &port, &server, &key, &ours); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", ours))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tunnels.Keep(offer(server, key, port, ours))
	s, err := tunnels.Open(t.Context(), testID, options(ours))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	until(t, "a handshake", func() bool { return s.State().Handshake != nil })
	c, err := s.Dial(t.Context(), 7000)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		says(t, c, strings.Repeat("tern", 1000))
	}
	c.Close()
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	kernel, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	if err := kernel.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 1000)
	if n, err := io.ReadFull(kernel, said); err != nil || !bytes.Equal(said, bytes.Repeat([]byte("k"), len(said))) {
		t.Errorf("%d bytes, %v; %+v", n, err, s.State())
	}
}
