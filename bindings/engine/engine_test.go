package engine

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

func opened(t *testing.T, host bindings.Host, grants ...string) func(fn string, args ...any) (any, error) {
	set, err := bindings.Open(host, []bindings.Binding{Binding}, grants)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(fn string, args ...any) (any, error) {
		return set.Call(t.Context(), bindings.Call{Module: "engine", Func: fn, Args: args})
	}
}

// check insists on a refusal: a code, or "misuse", and what it says.
func check(t *testing.T, err error, code, says string) {
	t.Helper()
	var failed *bindings.Error
	var wrong *bindings.Misuse
	got := ""
	switch {
	case errors.As(err, &wrong):
		got = "misuse"
	case errors.As(err, &failed):
		got = failed.Code
	}
	if got != code || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v (%s), want %s: %s", err, got, code, says)
	}
}

func TestEmit(t *testing.T) {
	host := hosttest.New(t.TempDir(), "engine")
	call := opened(t, host, "engine")
	for _, data := range []any{map[string]any{"job_id": 4711.0, "out": "a\xffb"}, "text", []any{bindings.Null{}}, map[string]any{}} {
		if got, err := call("emit", "quick_job_result", data); got != true || err != nil {
			t.Errorf("emit %v: %v, %v", data, got, err)
		}
	}
	want := []string{`{"job_id":4711,"out":"a\ufffdb"}`, `"text"`, `[null]`, `{}`}
	for i, sent := range host.Sent() {
		if sent.Event != "quick_job_result" || string(sent.Data) != want[i] {
			t.Errorf("sent %s %s, want %s", sent.Event, sent.Data, want[i])
		}
	}
	if len(host.Sent()) != len(want) {
		t.Errorf("%d sent", len(host.Sent()))
	}
}

func TestEmitRefuses(t *testing.T) {
	host := hosttest.New(t.TempDir(), "engine")
	call := opened(t, host, "engine")
	for _, name := range append(reservedEvents(), "", "two words", "line\n", "é", strings.Repeat("x", maxName+1)) {
		_, err := call("emit", name, map[string]any{})
		check(t, err, "misuse", "argument 1: ")
	}
	for _, data := range []any{nil, true, 1.0, bindings.Null{}} {
		_, err := call("emit", "e", data)
		check(t, err, "misuse", "argument 2: a table or a string expected")
	}
	_, err := call("emit", "e", map[string]any{"f": bindings.Ref{ID: 1}})
	check(t, err, "misuse", "value.f is a handle")
	_, err = call("emit", "e", strings.Repeat("x", maxBytes))
	check(t, err, "limit", "16777216 bytes")
	if sent := host.Sent(); len(sent) != 0 {
		t.Errorf("sent all the same: %v", sent)
	}
}

func TestEmitSaysWhatTheOutboxSays(t *testing.T) {
	full := bindings.Fail("full", "the outbox is full")
	call := opened(t, fullHost{hosttest.New(t.TempDir(), "engine"), full}, "engine")
	_, err := call("emit", "e", "x")
	check(t, err, "full", "the outbox is full")
}

type fullHost struct {
	*hosttest.Host
	err error
}

func (h fullHost) Emit(string, any) error { return h.err }

func TestANarrowedGrant(t *testing.T) {
	host := hosttest.New(t.TempDir(), "engine:pong", "engine:/api/agent/details")
	host.Answer = func(string, json.RawMessage) (any, error) { return map[string]any{}, nil }
	call := opened(t, host, host.Grants...)
	for _, c := range []struct{ fn, thing string }{{"emit", "pong"}, {"request", "/api/agent/details"}} {
		if _, err := call(c.fn, c.thing, map[string]any{}); err != nil {
			t.Errorf("%s %s: %v", c.fn, c.thing, err)
		}
	}
	for _, c := range []struct{ fn, thing string }{{"emit", "ping"}, {"request", "/api/agent/hash"}} {
		_, err := call(c.fn, c.thing, map[string]any{})
		check(t, err, "denied", `add "engine:`+c.thing+`" to ROLE_GRANTS`)
	}
}

func TestRequest(t *testing.T) {
	host := hosttest.New(t.TempDir(), "engine")
	var asked []string
	var answer any
	host.Answer = func(path string, in json.RawMessage) (any, error) {
		asked = append(asked, path+" "+string(in))
		return answer, nil
	}
	call := opened(t, host, "engine")
	for _, c := range []struct {
		args   []any
		answer any
		asked  string
		want   any
	}{
		{[]any{"/api/agent/details"}, map[string]any{"status": "ok", "site": nil}, "/api/agent/details {}", map[string]any{"status": "ok"}},
		{[]any{"/api/agent/x/y_1-2.~z", map[string]any{"a": 1.0}}, []any{1, nil}, `/api/agent/x/y_1-2.~z {"a":1}`, []any{1.0, bindings.Null{}}},
		{[]any{"/api/agent/a", nil, map[string]any{"timeout": 1.0}}, nil, `/api/agent/a {}`, nil},
		{[]any{"/api/ansible/recap/report"}, nil, `/api/ansible/recap/report {}`, nil},
		{[]any{"/api/agent/tokens/a"}, "x", `/api/agent/tokens/a {}`, "x"},
	} {
		asked, answer = nil, c.answer
		got, err := call("request", c.args...)
		if err != nil || !reflect.DeepEqual(got, c.want) || !reflect.DeepEqual(asked, []string{c.asked}) {
			t.Errorf("%v: %#v, %v; the Engine was asked %q", c.args, got, err, asked)
		}
	}
}

func TestRequestRefuses(t *testing.T) {
	host := hosttest.New(t.TempDir(), "engine")
	host.Answer = func(path string, _ json.RawMessage) (any, error) {
		t.Errorf("the Engine was asked for %q", path)
		return nil, nil
	}
	call := opened(t, host, "engine")
	for _, path := range []string{
		"", "/", "/api/agent", "/api/agent/", "/api/ansible/recap/other", "api/agent/x", "/api/operator/x", "https://e.example/api/agent/x",
		"/api/agent/../operator", "/api/agent/./x", "/api/agent//enroll/request", "/api/agent/x/", "/api/agent/x?y=1",
		"/api/agent/x#y", "/api/agent/%65nroll/request", `/api/agent/x\y`, "/api/agent/x y", "/api/agent/x\n", "/API/agent/x",
		"/api/agent/enroll/request", "/api/agent/enroll/poll", "/api/agent/enroll", "/api/agent/Enroll/poll",
		"/api/agent/token/refresh", "/api/agent/token", "/api/agent/" + strings.Repeat("x", maxName),
	} {
		_, err := call("request", path)
		check(t, err, "misuse", "argument 1: ")
	}
	for _, c := range []struct {
		args       []any
		code, says string
	}{
		{[]any{"/api/agent/x", "text"}, "misuse", "table expected"},
		{[]any{"/api/agent/x", []any{1.0}}, "misuse", "table expected"},
		{[]any{"/api/agent/x", nil, map[string]any{"timeout": 0.0}}, "misuse", "not between 0 and 600"},
		{[]any{"/api/agent/x", nil, map[string]any{"timeout": 601.0}}, "misuse", "not between 0 and 600"},
		{[]any{"/api/agent/x", map[string]any{"a": "\xff"}}, "utf8", "value.a is not UTF-8"},
	} {
		_, err := call("request", c.args...)
		check(t, err, c.code, c.says)
	}
}

func TestRequestSaysWhatTheEngineSays(t *testing.T) {
	host := hosttest.New(t.TempDir(), "engine")
	call := opened(t, host, "engine")
	_, err := call("request", "/api/agent/x")
	check(t, err, "offline", "no Engine in this test")
}

// silentHost asks an Engine that never answers.
type silentHost struct {
	*hosttest.Host
	asked chan struct{}
}

func (h silentHost) Request(ctx context.Context, _ string, _, _ any) error {
	close(h.asked)
	<-ctx.Done()
	return ctx.Err()
}

func TestRequestEndsInTime(t *testing.T) {
	host := silentHost{hosttest.New(t.TempDir(), "engine"), make(chan struct{})}
	call := opened(t, host, "engine")
	done := make(chan error, 1)
	go func() { _, err := call("request", "/api/agent/x"); done <- err }()
	<-host.asked
	host.Advance(29 * time.Second)
	select {
	case err := <-done:
		t.Fatalf("ended before its time: %v", err)
	default:
	}
	host.Advance(time.Second)
	check(t, <-done, "timeout", "no answer from the Engine within 30 seconds")
}

func TestRequestEndsWithItsEvent(t *testing.T) {
	host := silentHost{hosttest.New(t.TempDir(), "engine"), make(chan struct{})}
	instance, err := open(host)
	if err != nil {
		t.Fatal(err)
	}
	request := instance.Funcs["request"].Do.(func(context.Context, string, *map[string]any, requestOptions) (any, error))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-host.asked; cancel() }()
	if _, err := request(ctx, "/api/agent/x", nil, requestOptions{time.Second}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzCheckPath(f *testing.F) {
	for _, seed := range []string{"/api/agent/details", "/api/agent/../x", "/api/agent/enroll", "/api/agent//", "/api/agent/a/./b", "/api/agent/TOKEN/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if checkPath(path) != nil {
			return
		}
		lower := strings.ToLower(path) + "/"
		for _, bad := range []string{"//", "/./", "/../", "/api/agent/enroll/", "/api/agent/token/", "?", "#", "%", " "} {
			if strings.Contains(strings.TrimSuffix(lower, "/")+"/", bad) {
				t.Errorf("let %q through", path)
			}
		}
		if !strings.HasPrefix(path, "/api/agent/") {
			t.Errorf("let %q through", path)
		}
	})
}
