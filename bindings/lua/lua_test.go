package lua

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host has worlds in which a script is what it says it does.
type host struct{ *hosttest.Host }

func (h host) RunLua(ctx context.Context, source []byte, env map[string]string, print func(string)) error {
	switch string(source) {
	case "raise":
		print("before")
		return bindings.Fail("failed", "script.lua:1: no")
	case "stay":
		<-ctx.Done()
		return context.Cause(ctx)
	case "flood":
		for range 2000 {
			print(strings.Repeat("x", 1000))
		}
	}
	print("hi " + env["WHOM"])
	return nil
}

type role struct {
	t    *testing.T
	host *hosttest.Host
	set  *bindings.Set
}

func openRole(t *testing.T) *role {
	t.Helper()
	h := hosttest.New(t.TempDir())
	set, err := bindings.Open(host{h}, []bindings.Binding{Binding}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return &role{t, h, set}
}

func (r *role) start(source string, options map[string]any) uint64 {
	r.t.Helper()
	got, err := r.set.Call(context.Background(), bindings.Call{Module: "lua", Func: "start", Args: []any{source, options}})
	if err != nil {
		r.t.Fatal(err)
	}
	return got.(bindings.Ref).ID
}

func (r *role) do(ref uint64, f string) (map[string]any, error) {
	got, err := r.set.Call(context.Background(), bindings.Call{Module: "lua", Ref: ref, Func: f})
	table, _ := got.(map[string]any)
	return table, err
}

// expect checks how a script ended and what it said.
func (r *role) expect(ref uint64, code float64, stdout, stderr string) map[string]any {
	r.t.Helper()
	end, err := r.do(ref, "wait")
	if err != nil || end["exit_code"] != code {
		r.t.Fatalf("got %v, %v", end, err)
	}
	out, err := r.do(ref, "output")
	if err != nil || out["stdout"] != stdout || out["stderr"] != stderr {
		r.t.Errorf("got %v, %v", out, err)
	}
	return end
}

func TestAScriptIsRun(t *testing.T) {
	r := openRole(t)
	r.expect(r.start("say", map[string]any{"env": map[string]any{"WHOM": "tern"}}), 0, "hi tern\n", "")
	r.expect(r.start("raise", nil), 1, "before\n", "script.lua:1: no\n")
}

func TestAScriptIsEndedFromOutside(t *testing.T) {
	r := openRole(t)
	ref := r.start("stay", map[string]any{"timeout": 5.0})
	var running *bindings.Error
	if _, err := r.do(ref, "output"); !errors.As(err, &running) || running.Code != "running" {
		t.Errorf("got %v", err)
	}
	r.host.Advance(5 * time.Second)
	if end := r.expect(ref, -1, "", "its time was up\n"); end["timed_out"] != true || end["duration"] != 5.0 {
		t.Errorf("got %v", end)
	}
	ref = r.start("stay", nil)
	if _, err := r.do(ref, "kill"); err != nil {
		t.Error(err)
	}
	if end := r.expect(ref, -1, "", "killed\n"); end["timed_out"] != false {
		t.Errorf("got %v", end)
	}
	r.start("stay", nil) // ends with the role
	if err := r.set.Release(r.start("stay", nil)); err != nil {
		t.Error(err)
	}
}

func TestScriptsHaveBounds(t *testing.T) {
	r := openRole(t)
	ref := r.start("flood", nil)
	if _, err := r.do(ref, "wait"); err != nil {
		t.Fatal(err)
	}
	out, err := r.do(ref, "output")
	if n := len(out["stdout"].(string)); err != nil || n > maxOutput || n < maxOutput-2000 || out["truncated"] != true {
		t.Errorf("%d bytes, %v, %v", n, out["truncated"], err)
	}
	for range maxScripts {
		r.start("stay", nil)
	}
	_, err = r.set.Call(context.Background(), bindings.Call{Module: "lua", Func: "start", Args: []any{"stay"}})
	var full *bindings.Error
	if !errors.As(err, &full) || full.Code != "limit" {
		t.Errorf("got %v", err)
	}
}

func TestAHostWithoutWorldsHasNoModule(t *testing.T) {
	var plain bindings.Host = struct{ bindings.Host }{hosttest.New(t.TempDir())}
	if _, err := Binding.Open(plain); !errors.Is(err, bindings.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}
