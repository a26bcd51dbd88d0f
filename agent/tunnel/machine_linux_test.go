package tunnel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
)

// newMachineTunnels are tunnels with a real interface.
func newMachineTunnels(t testing.TB) *Tunnels {
	t.Helper()
	tunnels := New(Config{
		Log: slog.New(slog.DiscardHandler), EngineHost: func() string { return "127.0.0.1" }, Keys: &memory{}, Interface: true,
	})
	t.Cleanup(func() { tunnels.Close() })
	return tunnels
}

func interfaces(t testing.TB) string { return tunneltest.Command(t, "ip", "-o", "link", "show") }

// TestARealInterface has the machine's own network answer Debian's wireguard-go.
func TestARealInterface(t *testing.T) {
	if !tunneltest.Alone(t) {
		return
	}
	key := tunneltest.NewKey(t)
	e := tunneltest.StartDebian(t, key.PublicKey())
	port, hidden := tunneltest.EchoAt(t, "0.0.0.0"), tunneltest.EchoAt(t, "0.0.0.0")
	const shell = 47002
	tunnels := newMachineTunnels(t)
	tunnels.Keep(offer(e.PublicKey, tunneltest.Text(key.Bytes()), e.Port, port, shell))
	before := interfaces(t)
	s, err := tunnels.Open(t.Context(), testID, options(port))
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Listen(shell)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	until(t, "a handshake", func() bool { return s.State().Handshake != nil })

	t.Run("what is reached", func(t *testing.T) {
		for _, port := range []int{port, shell} {
			c, err := e.Connect(t.Context(), port)
			if err != nil {
				t.Fatal(port, err)
			}
			roundTrip(t, c, 4<<20)
			c.Close()
		}
		state := s.State()
		if state.Interface == nil || *state.Interface != "borealis" || state.Accepted < 2 || state.ToMachine < 4<<20 || state.ToEngine < 4<<20 {
			t.Errorf("%+v", state)
		}
	})
	t.Run("what is not", func(t *testing.T) {
		for _, port := range []int{hidden, 22} {
			if _, err := e.Connect(t.Context(), port); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("port %d: %v", port, err)
			}
		}
		for _, address := range []string{"127.0.0.1", tunneltest.AgentIP} { // by others on the machine
			if _, err := net.Dial("tcp4", net.JoinHostPort(address, strconv.Itoa(shell))); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("the shell at %s: %v", address, err)
			}
		}
	})
	t.Run("routes", func(t *testing.T) {
		if routes := tunneltest.Command(t, "ip", "-4", "route"); strings.TrimSpace(routes) != tunneltest.EngineIP+" dev borealis proto kernel scope link src "+tunneltest.AgentIP {
			t.Errorf("%q", routes)
		}
	})
	t.Run("the machine's own connections", func(t *testing.T) {
		l := e.Listen(t)
		c, err := net.Dial("tcp4", net.JoinHostPort(tunneltest.EngineIP, strconv.Itoa(l)))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		roundTrip(t, c, 1<<20)
		tunneltest.Command(t, "ping", "-c", "1", "-W", "10", tunneltest.EngineIP)
		e.Run(t, "ping", "-c", "1", "-W", "10", tunneltest.AgentIP)
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if after := interfaces(t); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
}

// TestAnInterfaceComesAndGoes opens sessions one after the other, and looks for what they leave.
func TestAnInterfaceComesAndGoes(t *testing.T) {
	if !tunneltest.Alone(t) {
		return
	}
	e := newEngine(t, 22)
	tunnels := newMachineTunnels(t)
	tunnels.Keep(e.offer)
	before, open := interfaces(t), descriptors(t)
	for range enginetest.AtLength(200, 20) {
		s, err := tunnels.Open(t.Context(), testID, options(22))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := interfaces(t); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
	until(t, "as many descriptors as before", func() bool { return descriptors(t) <= open })
}

// TestAnInterfaceGoesWithItsProcess kills a process that has one.
func TestAnInterfaceGoesWithItsProcess(t *testing.T) {
	const holder = "BOREALIS_TEST_HOLDER"
	if os.Getenv(holder) != "" {
		e := newEngine(t, 22)
		tunnels := newMachineTunnels(t)
		tunnels.Keep(e.offer)
		if _, err := tunnels.Open(t.Context(), testID, options(22)); err != nil {
			t.Fatal(err)
		}
		fmt.Println("open")
		time.Sleep(time.Hour)
	}
	if !tunneltest.Alone(t) {
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), holder+"=1")
	said, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(said).ReadString('\n'); line != "open\n" {
		t.Fatal(line, err)
	}
	if now := interfaces(t); !strings.Contains(now, "borealis") {
		t.Fatal(now)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	until(t, "no interface", func() bool { return !strings.Contains(interfaces(t), "borealis") })
}

// TestNoInterfaceIsToBeHad finds another one of its name.
func TestNoInterfaceIsToBeHad(t *testing.T) {
	if !tunneltest.Alone(t) {
		return
	}
	tunneltest.Command(t, "ip", "link", "add", "borealis", "type", "bridge")
	e := newEngine(t, 22)
	tunnels := newMachineTunnels(t)
	tunnels.Keep(e.offer)
	if _, err := tunnels.Open(context.Background(), testID, options(22)); !errors.Is(err, ErrInterface) {
		t.Error(err)
	}
}

// descriptors is how many files, pipes and sockets this process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
