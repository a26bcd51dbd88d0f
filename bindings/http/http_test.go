package http

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

func TestMain(m *testing.M) {
	if os.Getenv(environmentVariable) != "" {
		askByEnvironment()
	}
	goleak.VerifyTestMain(m)
}

// role is the module as a role meets it: opened for its grants and called with plain values.
type role struct {
	testing.TB
	set *bindings.Set
	m   *module
	// given are the values that the next handles stand for.
	given chan any
}

// newRole opens the module, with names as the test's own DNS server knows them. Without grants it may go anywhere.
func newRole(t testing.TB, grants ...string) *role {
	t.Helper()
	if len(grants) == 0 {
		grants = []string{"http"}
	}
	host := hosttest.New(t.TempDir(), grants...)
	m := newModule(host)
	m.dialer.Resolver = resolver(t)
	m.environment = func(*nethttp.Request) (*url.URL, error) { return nil, nil }
	r := &role{TB: t, m: m, given: make(chan any, 8)}
	binding := bindings.Binding{Name: "http", Grant: grant, Open: func(bindings.Host) (*bindings.Instance, error) { return m.instance(), nil }}
	set, err := bindings.Open(host, []bindings.Binding{binding, r.handles()}, host.Grants)
	if err != nil {
		t.Fatal(err)
	}
	r.set = set
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// handles stands for the module that files come from.
func (r *role) handles() bindings.Binding {
	open := func(context.Context) (*bindings.Handle, error) {
		return &bindings.Handle{Type: "test.Handle", Value: <-r.given}, nil
	}
	return bindings.Binding{
		Name: "test", Handles: []bindings.HandleType{{Name: "test.Handle"}},
		Open: func(bindings.Host) (*bindings.Instance, error) {
			return &bindings.Instance{Funcs: map[string]bindings.Func{"open": {Do: open}}}, nil
		},
	}
}

// handle gives a Go value to the role.
func (r *role) handle(v any) any {
	r.Helper()
	r.given <- v
	ref, err := r.set.Call(context.Background(), bindings.Call{Module: "test", Func: "open"})
	if err != nil {
		r.Fatal(err)
	}
	return ref
}

// opts is an options table.
type opts = map[string]any

func (r *role) call(ctx context.Context, function string, args ...any) (opts, error) {
	out, err := r.set.Call(ctx, bindings.Call{Module: "http", Func: function, Args: args})
	if err != nil {
		return nil, err
	}
	return out.(opts), nil
}

// must asks and insists on an answer.
func (r *role) must(function string, args ...any) opts {
	r.Helper()
	out, err := r.call(context.Background(), function, args...)
	if err != nil {
		r.Fatalf("%s %.200q: %v", function, args, err)
	}
	return out
}

// refused asks and insists on a failure with that code, and gives its message; "misuse" stands for an error that is
// raised.
func (r *role) refused(code, function string, args ...any) string {
	r.Helper()
	out, err := r.call(context.Background(), function, args...)
	if got := codeOf(err); got != code {
		r.Errorf("%s %.200q: code %q (%v, %v), want %q", function, args, got, out, err, code)
		return ""
	}
	return err.Error()
}

func codeOf(err error) string {
	var failed *bindings.Error
	var wrong *bindings.Misuse
	switch {
	case errors.As(err, &wrong):
		return "misuse"
	case errors.As(err, &failed):
		return failed.Code
	}
	return ""
}

// serve starts a plain server on loopback and gives its url.
func serve(t testing.TB, f nethttp.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

// serveTLS starts a server with a certificate, and gives its url by a name.
func serveTLS(t testing.TB, name string, certificate tls.Certificate, f nethttp.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(f)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.Config.ErrorLog = quiet()
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return "https://" + at(t, name, s.Listener.Addr())
}

// at is a server's address by a name.
func at(t testing.TB, name string, address net.Addr) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(name, port)
}

// named is a plain url by a name instead of its address.
func named(t testing.TB, name, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = net.JoinHostPort(name, u.Port())
	return u.String()
}

func say(text string) nethttp.HandlerFunc {
	return func(w nethttp.ResponseWriter, _ *nethttp.Request) { _, _ = io.WriteString(w, text) }
}

func TestAnAnswer(t *testing.T) {
	r := newRole(t)
	target := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		w.Header()["X-Many"] = []string{"one", "two"}
		w.WriteHeader(nethttp.StatusTeapot)
		_, _ = io.WriteString(w, "short\x00\xff")
	})
	got := r.must("get", strings.Replace(target, "http://", "http://user:secret@", 1)+"/a?b=c#d")
	if got["status"] != 418.0 || got["body"] != "short\x00\xff" || got["size_bytes"] != 7.0 || got["url"] != target+"/a?b=c#d" {
		t.Errorf("got %v", got)
	}
	headers := got["headers"].(opts)
	if headers["x-many"] != "one, two" || headers["content-length"] != "7" {
		t.Errorf("headers %v", headers)
	}
}

func TestConnectionsAreKeptAndEndWithTheRole(t *testing.T) {
	ended := make(chan struct{}, 8)
	s := httptest.NewUnstartedServer(say("x"))
	s.Config.ConnState = func(_ net.Conn, state nethttp.ConnState) {
		if state == nethttp.StateClosed {
			ended <- struct{}{}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	r := newRole(t)
	for range 3 {
		r.must("get", s.URL)
	}
	r.m.mu.Lock()
	open := len(r.m.conns)
	r.m.mu.Unlock()
	if open != 1 {
		t.Errorf("%d connections after three requests in a row", open)
	}
	if err := r.set.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
	r.refused("cancelled", "get", s.URL)
}

func TestTheRolesEndEndsItsCalls(t *testing.T) {
	arrived := make(chan struct{})
	target := serve(t, func(_ nethttp.ResponseWriter, req *nethttp.Request) {
		close(arrived)
		<-req.Context().Done()
	})
	r := newRole(t)
	answered := make(chan error)
	go func() {
		_, err := r.call(context.Background(), "get", target, opts{"timeout": 0.0})
		answered <- err
	}()
	<-arrived
	if err := r.set.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; codeOf(err) != "cancelled" {
		t.Errorf("the call ended with %v", err)
	}
}

func TestACancelledCallEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	target := serve(t, func(_ nethttp.ResponseWriter, req *nethttp.Request) {
		cancel()
		<-req.Context().Done()
	})
	_, err := newRole(t).call(ctx, "get", target, opts{"timeout": 0.0})
	if codeOf(err) != "cancelled" {
		t.Errorf("the call ended with %v", err)
	}
}

func TestKeptConnectionsAreBounded(t *testing.T) {
	r := newRole(t)
	target := serve(t, say("x"))
	for i := range 3 * maxPools {
		r.must("get", target, opts{"header_timeout": 100.0 + float64(i)})
	}
	r.m.mu.Lock()
	pools, conns := len(r.m.pools), len(r.m.conns)
	r.m.mu.Unlock()
	if pools != maxPools || conns > maxPools {
		t.Errorf("%d pools and %d connections are kept", pools, conns)
	}
	r.must("get", target, opts{"header_timeout": 100.0 + 3*maxPools - 2})
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if len(r.m.conns) != conns {
		t.Error("a kept connection was not used again")
	}
}

func TestHTTP2(t *testing.T) {
	ca := newAuthority(t)
	target := serveTLS(t, "a.test", ca.leaf("a.test"), func(w nethttp.ResponseWriter, req *nethttp.Request) {
		body, _ := io.ReadAll(req.Body)
		_, _ = io.WriteString(w, req.Proto+" "+string(body))
	})
	r := newRole(t)
	file := r.handle(strings.NewReader("from a file"))
	if got := r.must("post", target, opts{"ca": ca.pem, "body_file": file}); got["body"] != "HTTP/2.0 from a file" {
		t.Errorf("got %v", got)
	}
}
