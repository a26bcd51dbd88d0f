package tunnel

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testID = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

// engine is the Engine's side of a tunnel, with what it offers.
type engine struct {
	*tunneltest.Engine
	offer wire.TunnelStart
}

// newEngine starts one whose offer allows some ports.
func newEngine(t *testing.T, ports ...int) *engine {
	t.Helper()
	e, key := tunneltest.Start(t), tunneltest.NewKey(t)
	e.Admit(key.PublicKey(), nil)
	return &engine{e, offer(e.PublicKey, tunneltest.Text(key.Bytes()), e.Port, ports...)}
}

func offer(server, client, port string, ports ...int) wire.TunnelStart {
	o := wire.TunnelStart{
		TunnelID: testID, VirtualIP: tunneltest.AgentIP + "/32", AllowedIPs: []string{tunneltest.EngineIP + "/32"},
		Endpoint: "127.0.0.1:" + port, ServerPublicKey: server, PrivateKey: client,
	}
	for _, port := range ports {
		o.AllowedPorts = append(o.AllowedPorts, uint16(port))
	}
	return o
}

// memory is a Store.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (m *memory) Read(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return data, nil
}

func (m *memory) Write(name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = map[string][]byte{}
	}
	m.files[name] = data
	return nil
}

func newTunnels(t testing.TB) *Tunnels {
	t.Helper()
	tunnels := New(Config{Log: slog.New(slog.DiscardHandler), EngineHost: func() string { return "127.0.0.1" }, Keys: &memory{}})
	t.Cleanup(func() { tunnels.Close() })
	return tunnels
}

func options(forward ...int) Options {
	return Options{Forward: forward, Keepalive: 25 * time.Second, MTU: 1420, MaxConnections: 64}
}

// roundTrip sends data, ends its half, and checks that the same comes back.
func roundTrip(t *testing.T, c net.Conn, size int) {
	t.Helper()
	data := make([]byte, size)
	rand.Read(data)
	var writer sync.WaitGroup
	writer.Go(func() {
		c.Write(data)
		c.(interface{ CloseWrite() error }).CloseWrite()
	})
	got, err := io.ReadAll(c)
	writer.Wait()
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back (%v), %d were sent", len(got), err, size)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 seconds", what)
		}
	}
}

func TestAPortIsForwarded(t *testing.T) {
	port := tunneltest.Echo(t)
	e := newEngine(t, port)
	tunnels := newTunnels(t)
	tunnels.Keep(e.offer)
	s, err := tunnels.Open(t.Context(), testID, options(port))
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.Connect(port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	roundTrip(t, c, 3<<20)
	until(t, "the connection's end", func() bool { return s.State().Connections == 0 })
	st := s.State()
	if st.ID != testID || st.Address != tunneltest.AgentIP || st.Engine != tunneltest.EngineIP || st.Handshake == nil || st.Accepted != 1 ||
		st.ToMachine != 3<<20 || st.ToEngine != 3<<20 || st.Sent < 3<<20 || st.Received < 3<<20 || !strings.HasPrefix(st.Endpoint, "127.0.0.1:") {
		t.Errorf("state %+v", st)
	}
	if tunnels.Current() != s {
		t.Error("it is not the current session")
	}
}

func TestOnlyWhatWasAskedForIsReached(t *testing.T) {
	open, closed := tunneltest.Echo(t), tunneltest.Echo(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	gone := nobody.Addr().(*net.TCPAddr).Port
	e := newEngine(t, open, closed, gone)
	tunnels := newTunnels(t)
	tunnels.Keep(e.offer)
	s, err := tunnels.Open(t.Context(), testID, options(open, gone))
	if err != nil {
		t.Fatal(err)
	}
	for name, port := range map[string]int{"not forwarded": closed, "nobody there": gone, "never allowed": 1} {
		if c, err := e.Connect(port); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	until(t, "the count", func() bool { return s.State().Refused == 3 && s.State().Connections == 0 })
	if _, err := tunnels.Open(t.Context(), testID, options(open)); !errors.Is(err, ErrOpen) {
		t.Errorf("a second session: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tunnels.Open(t.Context(), testID, options(2)); !errors.Is(err, ErrPort) {
		t.Errorf("a port that is not allowed: %v", err)
	}
	if _, err := tunnels.Open(t.Context(), "other", options()); !errors.Is(err, ErrUnknown) {
		t.Errorf("another id: %v", err)
	}
	if tunnels.Current() != nil {
		t.Error("a session is left")
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	port := tunneltest.Echo(t)
	e := newEngine(t, port)
	tunnels := newTunnels(t)
	tunnels.Keep(e.offer)
	o := options(port)
	o.MaxConnections = 2
	s, err := tunnels.Open(t.Context(), testID, o)
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for range 2 {
		c, err := e.Connect(port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	if _, err := e.Connect(port); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a third: %v", err)
	}
	conns[0].Close()
	until(t, "room", func() bool { return s.State().Connections == 1 })
	c, err := e.Connect(port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestListenAndDial(t *testing.T) {
	e := newEngine(t, 47002)
	tunnels := newTunnels(t)
	tunnels.Keep(e.offer)
	s, err := tunnels.Open(t.Context(), testID, options())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Listen(5); !errors.Is(err, ErrPort) {
		t.Errorf("a port that is not allowed: %v", err)
	}
	l, err := s.Listen(47002)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Listen(47002); err == nil {
		t.Error("a port was claimed twice")
	}
	out, err := e.Connect(47002)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if from := in.RemoteAddr().(*net.TCPAddr).IP.String(); from != tunneltest.EngineIP {
		t.Errorf("from %s", from)
	}
	fmt.Fprint(out, "tern")
	got := make([]byte, 4)
	if _, err := io.ReadFull(in, got); err != nil || string(got) != "tern" {
		t.Errorf("%q, %v", got, err)
	}
	in.Close()
	in.Close()
	until(t, "the connection's end", func() bool { return s.State().Connections == 0 })
	l.Close()
	if _, err := e.Connect(47002); err == nil {
		t.Error("a closed port takes connections")
	}

	theirs, err := e.ListenTCP(&net.TCPAddr{Port: 8080})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	c, err := s.Dial(t.Context(), 8080)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := theirs.Accept(); err != nil {
		t.Fatal(err)
	}
}

func TestClosingEndsWhatIsUnderWay(t *testing.T) {
	port := tunneltest.Echo(t)
	e := newEngine(t, port, 47002)
	tunnels := newTunnels(t)
	tunnels.Keep(e.offer)
	s, err := tunnels.Open(t.Context(), testID, options(port))
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Listen(47002)
	if err != nil {
		t.Fatal(err)
	}
	forwarded, err := e.Connect(port)
	if err != nil {
		t.Fatal(err)
	}
	defer forwarded.Close()
	waiting, err := e.Connect(47002)
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]net.Conn{"forwarded": forwarded, "waiting": waiting} {
		c.SetDeadline(time.Now().Add(30 * time.Second))
		var late net.Error
		if n, err := c.Read(make([]byte, 1)); err == nil || errors.As(err, &late) && late.Timeout() {
			t.Errorf("the peer does not hear of the end of what was %s: %d, %v", name, n, err)
		}
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	if _, err := s.Listen(47002); !errors.Is(err, ErrClosed) {
		t.Errorf("listen: %v", err)
	}
	if _, err := s.Dial(t.Context(), 1); err == nil {
		t.Error("dialled in a closed session")
	}
	if s.State().Connections != 0 {
		t.Errorf("state %+v", s.State())
	}
}

func TestASessionEndsWithItsLastHold(t *testing.T) {
	e := newEngine(t)
	tunnels := newTunnels(t)
	tunnels.Keep(e.offer)
	s, err := tunnels.Open(t.Context(), testID, options())
	if err != nil {
		t.Fatal(err)
	}
	old, next := s.Hold(), s.Hold()
	old()
	old()
	if tunnels.Current() != s {
		t.Fatal("it ended with a hold left")
	}
	next()
	if tunnels.Current() != nil {
		t.Fatal("it is still there")
	}
}

func TestTheDevicesOwnKey(t *testing.T) {
	e, preshared := newEngine(t, 47002), bytes.Repeat([]byte{7}, 32)
	e.offer.PrivateKey, e.offer.PresharedKey = "", tunneltest.Text(preshared)
	tunnels, keys := newTunnels(t), &memory{}
	tunnels.cfg.Keys = keys
	tunnels.Keep(e.offer)
	own, err := tunnels.ownKey()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := tunnels.ownKey(); again != own || err != nil {
		t.Fatalf("the key changed: %v", err)
	}
	public, err := base64.StdEncoding.DecodeString(string(keys.files[publicFile]))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	e.Admit(key, preshared)
	s, err := tunnels.Open(t.Context(), testID, options())
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a handshake", func() bool { return s.State().Handshake != nil })
	s.Close()
	keys.Write(privateFile, []byte("damaged"))
	if _, err := tunnels.Open(t.Context(), testID, options()); err == nil || string(keys.files[privateFile]) != "damaged" {
		t.Errorf("with a damaged key: %v", err)
	}
}

func TestAWrongKeyGetsNoHandshake(t *testing.T) {
	e := newEngine(t)
	e.offer.PresharedKey = tunneltest.Text(bytes.Repeat([]byte{2}, 32))
	tunnels := newTunnels(t)
	tunnels.Keep(e.offer)
	s, err := tunnels.Open(t.Context(), testID, options())
	if err != nil {
		t.Fatal(err)
	}
	until(t, "an answer", func() bool { return s.State().Sent > 0 })
	if s.State().Handshake != nil {
		t.Errorf("state %+v", s.State())
	}
}

func TestEndpoints(t *testing.T) {
	tunnels := New(Config{EngineHost: func() string { return "192.0.2.7" }, Resolver: names{"engine.lab.example": {"198.51.100.1", "198.51.100.2"}}})
	for in, want := range map[string]string{
		"203.0.113.5:30000":        "203.0.113.5:30000",
		"[2001:db8::1]:30000":      "[2001:db8::1]:30000",
		"engine.lab.example:30000": "198.51.100.1:30000",
		":30000":                   "192.0.2.7:30000",
		"localhost:30000":          "192.0.2.7:30000",
		"LOCALHOST.:30000":         "192.0.2.7:30000",
		"127.1.2.3:30000":          "192.0.2.7:30000",
		"[::1]:30000":              "192.0.2.7:30000",
		"[::ffff:127.0.0.1]:30000": "192.0.2.7:30000",
		"0.0.0.0:30000":            "192.0.2.7:30000",
		"10.255.0.1:30000":         "192.0.2.7:30000",
		"elsewhere.example:30000":  "",
		"nothing":                  "",
	} {
		got, err := tunnels.endpoint(t.Context(), wire.TunnelStart{Endpoint: in, AllowedIPs: []string{"10.255.0.1/32"}})
		if want == "" && !errors.Is(err, ErrEndpoint) || want != "" && (err != nil || got.String() != want) {
			t.Errorf("%s: %s, %v; want %s", in, got, err, want)
		}
	}
}

type names map[string][]string

func (n names) LookupHost(_ context.Context, host string) ([]string, error) {
	if n[host] == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host}
	}
	return n[host], nil
}

func TestOffersAreFew(t *testing.T) {
	tunnels := newTunnels(t)
	for i := range 20 {
		tunnels.Keep(wire.TunnelStart{TunnelID: fmt.Sprint(i), Endpoint: "old"})
		tunnels.Keep(wire.TunnelStart{TunnelID: fmt.Sprint(i), Endpoint: "new"})
	}
	if len(tunnels.offers) != maxOffers || slices.ContainsFunc(tunnels.offers, func(o wire.TunnelStart) bool { return o.Endpoint == "old" }) {
		t.Errorf("offers %+v", tunnels.offers)
	}
}

// TestManySessions opens and closes one after the other; TestMain sees what is left.
func TestManySessions(t *testing.T) {
	e := newEngine(t, 47002)
	tunnels := newTunnels(t)
	tunnels.Keep(e.offer)
	for range enginetest.AtLength(200, 40) {
		s, err := tunnels.Open(t.Context(), testID, options())
		if err != nil {
			t.Fatal(err)
		}
		until(t, "a handshake", func() bool { return s.State().Handshake != nil })
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(initiationGap)
	}
}

// initiationGap is a little more than WireGuard's own 20 ms: a peer drops a handshake that begins sooner after the last
// one, and the next try comes five seconds later.
const initiationGap = 40 * time.Millisecond
