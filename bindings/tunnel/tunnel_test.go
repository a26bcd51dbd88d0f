package tunnel

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// device is a Device that carries nothing.
type device struct {
	mu     sync.Mutex
	open   *session
	asked  Options
	answer error
	port   int // where Listen listens
}

type session struct {
	device *device
	id     string

	mu    sync.Mutex
	holds int
}

func (d *device) Open(_ context.Context, id string, o Options) (Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = o
	if d.answer != nil {
		return nil, d.answer
	}
	d.open = &session{device: d, id: id}
	return d.open, nil
}

func (d *device) Current() Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		return nil
	}
	return d.open
}

func (s *session) Listen(int) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		s.device.port = l.Addr().(*net.TCPAddr).Port
	}
	return l, err
}

func (s *session) Dial(ctx context.Context, port int) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

func (s *session) State() State { return State{ID: s.id, Opened: time.Unix(5, 0)} }

func (s *session) Hold() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		s.holds--
		last := s.holds == 0
		s.mu.Unlock()
		if last {
			s.Close()
		}
	})
}

func (s *session) Close() error {
	s.device.mu.Lock()
	defer s.device.mu.Unlock()
	if s.device.open == s {
		s.device.open = nil
	}
	return nil
}

// role opens the module for one role.
func role(t *testing.T, d Device, grants ...string) *bindings.Set {
	t.Helper()
	host := hosttest.New(t.TempDir(), grants...)
	set, err := bindings.Open(host, []bindings.Binding{New(d)}, host.Grants)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set
}

func call(set *bindings.Set, function string, args ...any) (any, error) {
	return set.Call(context.Background(), bindings.Call{Module: "tunnel", Func: function, Args: args})
}

func code(err error) string {
	var failed *bindings.Error
	if errors.As(err, &failed) {
		return failed.Code
	}
	return ""
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestATunnelIsOpenedAndClosed(t *testing.T) {
	d := &device{}
	set := role(t, d, "tunnel")
	if none, err := call(set, "get"); none != nil || err != nil {
		t.Errorf("before: %v, %v", none, err)
	}
	if closed, err := call(set, "close"); closed != false || err != nil {
		t.Errorf("before: %v, %v", closed, err)
	}
	state, err := call(set, "open", "x", map[string]any{"forward": []any{3389.0, 22.0}, "keepalive": 20.0})
	if err != nil {
		t.Fatal(err)
	}
	if s := state.(map[string]any); s["id"] != "x" || s["opened"] != 5.0 || s["handshake"] != nil {
		t.Errorf("state %v", s)
	}
	if o := d.asked; len(o.Forward) != 2 || o.Forward[0] != 3389 || o.Keepalive != 20*time.Second || o.MTU != 1420 || o.MaxConnections != 64 {
		t.Errorf("options %+v", o)
	}
	if state, err := call(set, "get"); err != nil || state.(map[string]any)["id"] != "x" {
		t.Errorf("get: %v, %v", state, err)
	}
	if closed, err := call(set, "close"); closed != true || err != nil || d.Current() != nil {
		t.Errorf("close: %v, %v", closed, err)
	}
	if _, err := call(set, "open", "y"); err != nil {
		t.Errorf("another: %v", err)
	}
}

func TestATunnelPassesFromOneVersionToTheNext(t *testing.T) {
	d := &device{}
	old, next := role(t, d, "tunnel"), role(t, d, "tunnel")
	if _, err := call(old, "open", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := call(next, "get"); err != nil {
		t.Fatal(err)
	}
	old.Close()
	if d.Current() == nil {
		t.Fatal("it ended with the old version")
	}
	next.Close()
	if d.Current() != nil {
		t.Fatal("it outlives its roles")
	}
}

// method calls a method of a handle.
func method(set *bindings.Set, handle any, name string, args ...any) (any, error) {
	return set.Call(context.Background(), bindings.Call{Module: "tunnel", Ref: handle.(bindings.Ref).ID, Func: name, Args: args})
}

// TestAConversation has a role listen, and dial itself: the device's network here is the loopback.
func TestAConversation(t *testing.T) {
	d := &device{}
	set := role(t, d, "tunnel")
	if _, err := call(set, "listen", 5.0); code(err) != "closed" {
		t.Errorf("with no tunnel: %v", err)
	}
	if _, err := call(set, "open", "x"); err != nil {
		t.Fatal(err)
	}
	listening, err := call(set, "listen", 47002.0)
	if err != nil {
		t.Fatal(err)
	}
	dialled, err := call(set, "dial", float64(d.port))
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := method(set, listening, "accept")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := method(set, dialled, "write", "one\ntwo\r\n\nthree"); err != nil {
		t.Fatal(err)
	}
	if _, err := method(set, dialled, "close"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []any{"one", "two\r", "", "three", nil, nil} {
		if line, err := method(set, accepted, "read_line"); line != want || err != nil {
			t.Errorf("read_line: %v, %v; want %v", line, err, want)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	d := &device{answer: bindings.Fail("unknown", "no such tunnel")}
	set := role(t, d, "tunnel:open")
	for _, c := range []struct {
		function string
		args     []any
		code     string
	}{
		{"open", []any{"x"}, "unknown"},
		{"get", nil, "denied"},
		{"close", nil, "denied"},
	} {
		if _, err := call(set, c.function, c.args...); code(err) != c.code {
			t.Errorf("%s: %v, want %s", c.function, err, c.code)
		}
	}
	for option, value := range map[string]any{"mtu": 100.0, "keepalive": -1.0, "max_connections": 0.0, "fwd": 1.0} {
		var wrong *bindings.Misuse
		if _, err := call(set, "open", "x", map[string]any{option: value}); !errors.As(err, &wrong) || !strings.Contains(err.Error(), option) {
			t.Errorf("%s: %v", option, err)
		}
	}
	none := role(t, nil, "tunnel")
	for _, function := range []string{"get", "close"} {
		if _, err := call(none, function); code(err) != "unsupported" {
			t.Errorf("%s with no device: %v", function, err)
		}
	}
}

func TestAnEndedRoleOpensNothing(t *testing.T) {
	d := &device{}
	m := &module{host: hosttest.New(t.TempDir(), "tunnel"), device: d}
	if err := m.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.open(t.Context(), "x", Options{MTU: 1420, MaxConnections: 1}); err == nil || d.Current() != nil {
		t.Errorf("%v, %v", err, d.Current())
	}
}

// pipe is a connection and its other end.
func pipe(t *testing.T) (*conn, net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	after := func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	return &conn{Conn: ours, after: after}, theirs
}

func TestAReadThatIsGivenUpLosesNothing(t *testing.T) {
	c, peer := pipe(t)
	opts := readOptions{Timeout: time.Millisecond, MaxBytes: 10}
	var writing sync.WaitGroup
	writing.Go(func() { peer.Write([]byte("half")) })
	var err error
	for range 3 { // the first may still find all of it
		_, err = readLine(t.Context(), c, opts)
	}
	writing.Wait()
	if code(err) != "timeout" {
		t.Fatalf("%v, want a timeout", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readLine(cancelled, c, readOptions{MaxBytes: 10}); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want a cancellation", err)
	}
	writing.Go(func() { peer.Write([]byte(" whole\nx")) })
	line, err := readLine(t.Context(), c, readOptions{MaxBytes: 10})
	if err != nil || *line != "half whole" {
		t.Errorf("%v, %v", line, err)
	}
	writing.Wait()
	if rest, err := read(t.Context(), c, readOptions{MaxBytes: 10}); err != nil || *rest != "x" {
		t.Errorf("%v, %v", rest, err)
	}
}

func TestALineHasALimit(t *testing.T) {
	c, peer := pipe(t)
	var writing sync.WaitGroup
	writing.Go(func() { peer.Write([]byte("12345\n123456")) })
	if line, err := readLine(t.Context(), c, readOptions{MaxBytes: 5}); err != nil || *line != "12345" {
		t.Errorf("%v, %v", line, err)
	}
	if _, err := readLine(t.Context(), c, readOptions{MaxBytes: 5}); code(err) != "limit" {
		t.Errorf("%v, want a limit", err)
	}
	writing.Wait()
	peer.Close()
	if err := write(t.Context(), c, []byte("x")); code(err) != "closed" {
		t.Errorf("%v, want closed", err)
	}
}

func TestAListenerEndsWithItsRole(t *testing.T) {
	d := &device{}
	set := role(t, d, "tunnel")
	if _, err := call(set, "open", "x"); err != nil {
		t.Fatal(err)
	}
	listening, err := call(set, "listen", 1.0)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := method(set, listening, "accept")
		ended <- err
	}()
	set.Close()
	if err := <-ended; code(err) != "closed" {
		t.Errorf("%v, want closed", err)
	}
}
