package world

import (
	"context"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	lua "github.com/yuin/gopher-lua"
)

// What stands here is for agent/world/trial, which runs a role's tests in the role's own world.

// Visit runs f in the world like an event: on a thread of its own, with the baton held, in its turn.
func (w *World) Visit(ctx context.Context, f func(L *lua.LState) error) error {
	return w.run(ctx, w.baton.queue(), f)
}

// Away gives the baton back while f runs, so that f may have the world do something.
func (w *World) Away(L *lua.LState, f func(ctx context.Context)) { stintOf(L).away(L, f) }

// Deliver runs the handlers of an event with plain data.
func (w *World) Deliver(ctx context.Context, event string, data any) error {
	return w.Visit(ctx, func(L *lua.LState) error { return w.handlersOf(L, event, data) })
}

// Configure runs on_config with plain data, or stop_all where there is none.
func (w *World) Configure(ctx context.Context, roles any) error {
	return w.Visit(ctx, func(L *lua.LState) (err error) {
		if roles == nil {
			_, err = w.method(L, "stop_all")
			return err
		}
		_, err = w.method(L, "on_config", w.toLua(L, roles))
		return err
	})
}

// Invoke runs a function that a binding holds, or forgets it.
func (w *World) Invoke(ctx context.Context, inv contract.Invocation) error {
	return w.Callback(ctx, w.baton.queue(), inv)
}

// Chunk compiles a file to a function of this world whose globals are env's.
func (w *World) Chunk(L *lua.LState, src contract.Source, env *lua.LTable) (*lua.LFunction, error) {
	fn, err := w.compile(L, src)
	if err != nil {
		return nil, err
	}
	outer := L.NewTable()
	outer.RawSetString("__index", fn.Env)
	env.Metatable = outer
	fn.Env = env
	return fn, nil
}

// Call calls a function in protected mode.
func Call(L *lua.LState, fn *lua.LFunction, args ...lua.LValue) (lua.LValue, error) {
	value, err := call(L, fn, args...)
	return value, readable(err)
}

// ToLua and ToPlain carry plain values, without handles and functions.
func (w *World) ToLua(L *lua.LState, v any) lua.LValue { return w.toLua(L, v) }

// ToPlain makes a plain value of Lua's.
func (w *World) ToPlain(v lua.LValue) (any, error) { return w.toPlain(v, plainOnly) }

// Global reads what scripts see under a name; nil when there is nothing.
func (w *World) Global(name string) lua.LValue { return w.env.Declared(name) }
