package main

import (
	"context"
	"reflect"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/all"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// What a checked role meets has the functions of what a served role meets, and they wait where those wait.
func TestIdleBindingsLookLikeTheRealOnes(t *testing.T) {
	list := carried(all.List())
	for i, b := range idle(list) {
		real, err := list[i].Open(hosttest.New(t.TempDir(), b.Grant))
		if err != nil {
			t.Fatal(err)
		}
		if real.Close != nil {
			defer real.Close()
		}
		looks, err := b.Open(hosttest.New(t.TempDir(), b.Grant))
		if err != nil {
			t.Fatal(err)
		}
		if len(looks.Funcs) != len(real.Funcs) {
			t.Errorf("%s has %d functions instead of %d", b.Name, len(looks.Funcs), len(real.Funcs))
		}
		for name, f := range real.Funcs {
			g, ok := looks.Funcs[name]
			if !ok || g.Waits != f.Waits {
				t.Fatalf("%s.%s: there: %v, waits: %v", b.Name, name, ok, g.Waits)
			}
			if got, want := reflect.TypeOf(g.Do), reflect.TypeOf(f.Do); got.NumIn() != want.NumIn() {
				t.Errorf("%s.%s takes %v instead of %v", b.Name, name, got, want)
			}
		}
	}
}

func TestAnIdleBindingCarriesNothingOut(t *testing.T) {
	host := hosttest.New(t.TempDir(), "process", "engine", "fs", "http")
	list := idle(carried(all.List()))
	set, err := bindings.Open(host, list, host.Grants)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for _, call := range []bindings.Call{
		{Module: "process", Func: "run", Args: []any{[]any{"true"}}},
		{Module: "engine", Func: "emit", Args: []any{"x", map[string]any{}}},
		{Module: "fs", Func: "write", Args: []any{"/dev/null", "x"}},
	} {
		if _, err := set.Call(t.Context(), call); err == nil || err.Error() != errIdle.Message {
			t.Errorf("%s.%s: %v", call.Module, call.Func, err)
		}
	}
}

// let is a Lua function that nobody calls.
type let struct{ released bool }

func (l *let) Call(context.Context, ...any) error { return nil }
func (l *let) Release()                           { l.released = true }

func TestAnIdleBindingLetsGoOfFunctions(t *testing.T) {
	face := "---@param path string\n---@param fn fun(path: string)\nfunction eye.watch(path, fn) end\n"
	list := idle([]bindings.Binding{{Name: "eye", Face: face}})
	set, err := bindings.Open(hosttest.New(t.TempDir()), list, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var fn let
	if _, err := set.Call(t.Context(), bindings.Call{Module: "eye", Func: "watch", Args: []any{"/", &fn}}); err == nil || err.Error() != errIdle.Message || !fn.released {
		t.Errorf("%v, released: %v", err, fn.released)
	}
	if _, err := set.Call(t.Context(), bindings.Call{Module: "eye", Func: "watch", Args: []any{"/"}}); err == nil || err.Error() != errIdle.Message {
		t.Error(err)
	}
}
