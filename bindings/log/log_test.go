package log

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// logged is what one call leaves in the log, without the time.
func logged(t *testing.T, fn string, args ...any) string {
	t.Helper()
	host := hosttest.New(t.TempDir())
	set, err := bindings.Open(host, []bindings.Binding{Binding}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := set.Call(t.Context(), bindings.Call{Module: "log", Func: fn, Args: args})
	if err != nil || got != true {
		t.Fatalf("got %v, %v", got, err)
	}
	_, line, _ := strings.Cut(host.Logged(), " ")
	return strings.TrimSuffix(line, "\n")
}

func TestLog(t *testing.T) {
	fields := map[string]any{"b": 1234567.0, "a": "x y", "c": map[string]any{"k": []any{1.0, bindings.Null{}}}, "d": true, "e": 0.5, "f": bindings.Null{}}
	for _, c := range []struct {
		fn   string
		args []any
		want string
	}{
		{"debug", []any{"m"}, `level=DEBUG msg=m`},
		{"info", []any{"two words", nil}, `level=INFO msg="two words"`},
		{"warn", []any{"m", map[string]any{}}, `level=WARN msg=m`},
		{"error", []any{"m", fields}, `level=ERROR msg=m a="x y" b=1234567 c="{\"k\":[1,null]}" d=true e=0.5 f=null`},
	} {
		t.Run(c.fn, func(t *testing.T) {
			if got := logged(t, c.fn, c.args...); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestLogCuts(t *testing.T) {
	long := strings.Repeat("é", maxMessage)
	got := logged(t, "info", long, map[string]any{"f": "x" + long, "t": []any{long}})
	for _, want := range []string{"... (8192 bytes more)", "... (12290 bytes more)", "... (12292 bytes more)"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in a line of %d bytes", want, len(got))
		}
	}
	if !utf8.ValidString(got) || len(got) > maxMessage+2*maxField+200 {
		t.Errorf("%d bytes, UTF-8: %v", len(got), utf8.ValidString(got))
	}
	many := map[string]any{}
	for i := range maxFields + 3 {
		many[string(rune('A'+i))] = 1.0
	}
	if got := logged(t, "info", "m", many); strings.Count(got, "=1") != maxFields || !strings.HasSuffix(got, " fields_left_out=3") {
		t.Errorf("%s", got)
	}
}

// secret is the value behind a handle; no log line may show it.
type secret struct{ Key string }

func newKey(context.Context) (bindings.Handle, error) {
	return bindings.Handle{Type: "vault.Key", Value: &secret{"hunter2"}}, nil
}

func TestLogShowsNoHandle(t *testing.T) {
	vault := bindings.Binding{
		Name:    "vault",
		Handles: []bindings.HandleType{{Name: "vault.Key"}},
		Open: func(bindings.Host) (*bindings.Instance, error) {
			return &bindings.Instance{Funcs: map[string]bindings.Func{"key": {Do: newKey}}}, nil
		},
	}
	host := hosttest.New(t.TempDir())
	set, err := bindings.Open(host, []bindings.Binding{vault, Binding}, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := set.Call(t.Context(), bindings.Call{Module: "vault", Func: "key"})
	if err != nil {
		t.Fatal(err)
	}
	c := bindings.Call{Module: "log", Func: "info", Args: []any{"m", map[string]any{"key": key, "keys": []any{key}}}}
	if _, err := set.Call(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := host.Logged(); strings.Contains(got, "hunter2") || !strings.Contains(got, `key="(value is a handle`) {
		t.Error(got)
	}
}
