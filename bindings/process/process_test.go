package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(agentVariable); dir != "" {
		pretendAgent(dir)
	}
	if part := os.Getenv(partVariable); part != "" {
		play(part)
	}
	goleak.VerifyTestMain(m)
}

// role is one role's set of bindings, with this one alone in it.
type role struct {
	t    testing.TB
	host *hosttest.Host
	set  *bindings.Set
}

// open opens the module for a role with a data directory of its own.
func openRole(t testing.TB, grants ...string) *role {
	t.Helper()
	if grants == nil {
		grants = []string{"process"}
	}
	host := hosttest.New(filepath.Join(t.TempDir(), "data"), grants...)
	return openOn(t, host)
}

func openOn(t testing.TB, host *hosttest.Host) *role {
	t.Helper()
	set, err := bindings.Open(host, []bindings.Binding{Binding}, host.Grants)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return &role{t, host, set}
}

type opts = map[string]any

func argv(args ...string) []any {
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = a
	}
	return list
}

// result is what a call gave.
type result struct {
	value any
	err   error
}

func (r *role) call(ctx context.Context, f string, args ...any) result {
	value, err := r.set.Call(ctx, bindings.Call{Module: "process", Func: f, Args: args})
	return result{value, err}
}

// begin makes the call on a goroutine of its own.
func (r *role) begin(ctx context.Context, f string, args ...any) <-chan result {
	c := make(chan result, 1)
	go func() { c <- r.call(ctx, f, args...) }()
	return c
}

// must makes a call that succeeds with a table.
func (r *role) must(f string, args ...any) map[string]any {
	r.t.Helper()
	return r.call(context.Background(), f, args...).table(r.t)
}

func (r result) table(t testing.TB) map[string]any {
	t.Helper()
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.value.(map[string]any)
}

// refused checks that a call failed with a code and a message that holds some words.
func (r result) refused(t testing.TB, code string, words ...string) {
	t.Helper()
	var failed *bindings.Error
	if !errors.As(r.err, &failed) || failed.Code != code {
		t.Fatalf("got %v, %v; want code %q", r.value, r.err, code)
	}
	for _, w := range words {
		if !strings.Contains(failed.Message, w) {
			t.Errorf("message %q does not mention %q", failed.Message, w)
		}
	}
}

// misused checks that a call raised with a message that holds some words.
func (r result) misused(t testing.TB, words string) {
	t.Helper()
	var wrong *bindings.Misuse
	if !errors.As(r.err, &wrong) || !strings.Contains(wrong.Message, words) {
		t.Fatalf("got %v, %v; want a misuse with %q", r.value, r.err, words)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// words waits for a file that a program writes, and gives its words.
func words(t testing.TB, path string, n int) []string {
	t.Helper()
	var found []string
	until(t, path+" is written", func() bool {
		raw, _ := os.ReadFile(path)
		found = strings.Fields(string(raw))
		return len(found) == n && strings.HasSuffix(string(raw), "\n")
	})
	return found
}

// entries are the names in a directory; none when it does not exist.
func entries(t testing.TB, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range found {
		names = append(names, e.Name())
	}
	return names
}

// program writes an executable shell script.
func program(t testing.TB, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
}

const (
	agentVariable  = "BOREALIS_PROCESS_TEST_AGENT"
	scriptVariable = "BOREALIS_PROCESS_TEST_SCRIPT"
)

// pretendAgent is the body of the process that a test kills: it runs a script in a directory until then.
func pretendAgent(dir string) {
	host := hosttest.New(filepath.Join(dir, "data"), "process")
	set, err := bindings.Open(host, []bindings.Binding{Binding}, host.Grants)
	if err != nil {
		panic(err)
	}
	_, err = set.Call(context.Background(), bindings.Call{
		Module: "process", Func: "run_script", Args: []any{"bash", os.Getenv(scriptVariable), opts{"cwd": dir}},
	})
	panic(fmt.Sprint("the script ended: ", err))
}
