package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
)

// debianEngine is the Engine's side as Debian has it: wireguard-go and wg of its packages, on an interface in a network
// namespace of its own, with the kernel's TCP.
type debianEngine struct {
	name      string // of the namespace and the interface
	port      string
	namespace string
}

// newDebianEngine starts one that admits the public key, and gives its own.
func newDebianEngine(t testing.TB, client string) (*debianEngine, string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	e := &debianEngine{name: fmt.Sprintf("bo%d", os.Getpid()%1_000_000)}
	e.namespace = filepath.Join("/var/run/netns", e.name)
	command(t, "ip", "netns", "add", e.name)
	t.Cleanup(func() { command(t, "ip", "netns", "delete", e.name) })
	peer := exec.Command("wireguard-go", "--foreground", e.name)
	peer.Env = append(os.Environ(), "LOG_LEVEL=error", "WG_PROCESS_FOREGROUND=1")
	if err := peer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		peer.Process.Signal(os.Interrupt)
		peer.Wait()
	})
	until(t, "wireguard-go", func() bool { return exec.Command("wg", "show", e.name).Run() == nil })

	private := filepath.Join(t.TempDir(), "private.key")
	key := tunneltest.NewKey(t)
	if err := os.WriteFile(private, []byte(tunneltest.Text(key.Bytes())), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, "wg", "set", e.name, "private-key", private, "peer", client, "allowed-ips", tunneltest.AgentIP+"/32")
	command(t, "ip", "link", "set", e.name, "netns", e.name)
	in := func(args ...string) { command(t, append([]string{"ip", "-n", e.name}, args...)...) }
	in("address", "add", tunneltest.EngineIP+"/32", "dev", e.name)
	in("link", "set", e.name, "mtu", "1420", "up")
	in("route", "add", tunneltest.AgentIP+"/32", "dev", e.name)
	e.port = strings.TrimSpace(command(t, "wg", "show", e.name, "listen-port"))
	return e, tunneltest.Text(key.PublicKey().Bytes())
}

func command(t testing.TB, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, &complaint)
	}
	return string(out)
}

// connect connects from the Engine's namespace, with the kernel's TCP.
func (e *debianEngine) connect(ctx context.Context, port int) (c net.Conn, err error) {
	inside := e.inside(func() {
		c, err = new(net.Dialer).DialContext(ctx, "tcp4", net.JoinHostPort(tunneltest.AgentIP, fmt.Sprint(port)))
	})
	return c, errors.Join(inside, err)
}

// listen gives back what it hears, on a port of the Engine's namespace.
func (e *debianEngine) listen(t *testing.T) (port int) {
	t.Helper()
	if err := e.inside(func() { port = tunneltest.EchoAt(t, tunneltest.EngineIP) }); err != nil {
		t.Fatal(err)
	}
	return port
}

// inside does something in the Engine's namespace.
func (e *debianEngine) inside(do func()) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		var namespace *os.File
		if namespace, err = os.Open(e.namespace); err != nil {
			return
		}
		defer namespace.Close()
		if err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err == nil {
			do()
		}
	}()
	<-done
	return err
}

// TestAgainstDebiansWireGuard carries data both ways to a peer that is not ours.
func TestAgainstDebiansWireGuard(t *testing.T) {
	key := tunneltest.NewKey(t)
	e, server := newDebianEngine(t, tunneltest.Text(key.PublicKey().Bytes()))
	port := tunneltest.Echo(t)
	tunnels := newTunnels(t)
	tunnels.Keep(offer(server, tunneltest.Text(key.Bytes()), e.port, port, 47002))
	s, err := tunnels.Open(t.Context(), testID, options(port))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a handshake", func() bool { return s.State().Handshake != nil })
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		c, err := e.connect(ctx, port)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, c, 4<<20)
		c.Close()
	}
	if _, err := e.connect(t.Context(), 22); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a port that is not forwarded: %v", err)
	}
	t.Run("small packets", func(t *testing.T) {
		command(t, "ip", "-n", e.name, "link", "set", e.name, "mtu", "1280")
		c, err := e.connect(t.Context(), port)
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
		c, err := e.connect(t.Context(), port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		roundTrip(t, c, 1<<20)
	})
}
