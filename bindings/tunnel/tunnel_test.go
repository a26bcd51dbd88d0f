package tunnel

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// device is a Device that carries nothing.
type device struct {
	mu     sync.Mutex
	open   *session
	asked  Options
	answer error
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
