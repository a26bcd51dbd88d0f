package tunneltest

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Debian is the Engine's side as Debian has it: wireguard-go and wg of its packages, on an interface in a network
// namespace of its own, with the kernel's TCP.
type Debian struct {
	Name      string // of the namespace and the interface
	Port      string // UDP, in the namespace in which the test began
	PublicKey string // base64, as an offer has it

	namespace string
}

// StartDebian starts one that admits the agent with this public key. It needs root, and ends with the test.
func StartDebian(t testing.TB, client *ecdh.PublicKey) *Debian {
	t.Helper()
	return start(t, NewKey(t), client, EngineIP, AgentIP)
}

// StartDebianAgent starts Debian's WireGuard in the agent's place, with its private key.
func (e *Debian) StartDebianAgent(t testing.TB, key *ecdh.PrivateKey) *Debian {
	t.Helper()
	server, err := base64.StdEncoding.DecodeString(e.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ecdh.X25519().NewPublicKey(server)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, key, public, AgentIP, EngineIP, "endpoint", "127.0.0.1:"+e.Port)
}

var started atomic.Int64

// start starts wireguard-go, with one address on an interface in a namespace of its own, and one peer.
func start(t testing.TB, key *ecdh.PrivateKey, peer *ecdh.PublicKey, self, other string, more ...string) *Debian {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	e := &Debian{Name: fmt.Sprintf("bo%d-%d", os.Getpid()%1_000_000, started.Add(1)), PublicKey: Text(key.PublicKey().Bytes())}
	e.namespace = filepath.Join("/var/run/netns", e.Name)
	Command(t, "ip", "netns", "add", e.Name)
	t.Cleanup(func() { Command(t, "ip", "netns", "delete", e.Name) })
	e.serve(t)
	private := filepath.Join(t.TempDir(), "private.key")
	if err := os.WriteFile(private, []byte(Text(key.Bytes())), 0o600); err != nil {
		t.Fatal(err)
	}
	Command(t, append([]string{
		"wg", "set", e.Name, "private-key", private, "peer", Text(peer.Bytes()), "allowed-ips", other + "/32",
	}, more...)...)
	Command(t, "ip", "link", "set", e.Name, "netns", e.Name)
	in := func(args ...string) { Command(t, append([]string{"ip", "-n", e.Name}, args...)...) }
	in("address", "add", self+"/32", "dev", e.Name)
	in("link", "set", e.Name, "mtu", "1420", "up")
	in("route", "add", other+"/32", "dev", e.Name)
	e.Port = strings.TrimSpace(Command(t, "wg", "show", e.Name, "listen-port"))
	return e
}

// serve runs wireguard-go until the test ends, and waits until it answers.
func (e *Debian) serve(t testing.TB) {
	t.Helper()
	server := exec.Command("wireguard-go", "--foreground", e.Name)
	server.Env = append(os.Environ(), "LOG_LEVEL=error", "WG_PROCESS_FOREGROUND=1")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
	})
	for exec.Command("wg", "show", e.Name).Run() != nil {
		if t.Context().Err() != nil {
			t.Fatal("wireguard-go does not answer")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Connect connects from the Engine's namespace, with the kernel's TCP.
func (e *Debian) Connect(ctx context.Context, port int) (c net.Conn, err error) {
	inside := e.Inside(func() {
		c, err = new(net.Dialer).DialContext(ctx, "tcp4", net.JoinHostPort(AgentIP, fmt.Sprint(port)))
	})
	return c, errors.Join(inside, err)
}

// Listen gives back what it hears, on a port of the Engine's namespace.
func (e *Debian) Listen(t testing.TB) (port int) {
	t.Helper()
	if err := e.Inside(func() { port = EchoAt(t, EngineIP) }); err != nil {
		t.Fatal(err)
	}
	return port
}

// Inside does something in the Engine's namespace.
func (e *Debian) Inside(do func()) (err error) {
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

// Run runs a program in the Engine's namespace to its end, and gives what it printed.
func (e *Debian) Run(t testing.TB, argv ...string) string {
	t.Helper()
	return Command(t, append([]string{"ip", "netns", "exec", e.Name}, argv...)...)
}

// Command runs a program to its end, and gives what it printed.
func Command(t testing.TB, argv ...string) string {
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
