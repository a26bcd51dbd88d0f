package displaytest

import (
	"context"
	"errors"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// Call calls a function of one module, as a role does.
type Call func(ctx context.Context, function string, args ...any) (any, error)

// Open opens a module for a role that is granted it, in the context "interactive" or "system".
func Open(t testing.TB, b bindings.Binding, where string) Call {
	t.Helper()
	host := hosttest.New(t.TempDir(), b.Grant)
	host.Where.Context = where
	set, err := bindings.Open(host, []bindings.Binding{b}, host.Grants)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	return func(ctx context.Context, function string, args ...any) (any, error) {
		return set.Call(ctx, bindings.Call{Module: b.Name, Func: function, Args: args})
	}
}

// Code is the one word of a failure, "" for a mistake and for none.
func Code(err error) string {
	var failed *bindings.Error
	if !errors.As(err, &failed) {
		return ""
	}
	return failed.Code
}
