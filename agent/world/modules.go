package world

import (
	"context"
	"errors"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	lua "github.com/yuin/gopher-lua"
)

// carry carries out one call of a binding: in the core, or here for the pure ones.
type carry func(ctx context.Context, c bindings.Call) (any, error)

// module is one Lua module as the world offers it.
type module struct {
	world *World
	about bindings.Module
	carry carry
	at    origin
	metas map[string]*lua.LTable // handle type -> its metatable
}

// handle is the world's side of a thing that somebody else keeps.
type handle struct {
	ref bindings.Ref
	at  origin
}

// declare makes a module a global, or makes reading it raise why it is not there.
func (w *World) declare(about bindings.Module, c carry, at origin) {
	if about.Denied != "" {
		w.env.Deny(about.Name, about.Denied)
		return
	}
	m := &module{world: w, about: about, carry: c, at: at, metas: map[string]*lua.LTable{}}
	table := w.state.CreateTable(0, 0)
	for name, value := range about.Values {
		table.RawSetString(name, w.constant(value))
	}
	for name, waits := range about.Funcs {
		table.RawSetString(name, w.state.NewFunction(m.function(name, waits)))
	}
	for class, methods := range about.Handles {
		m.metas[class] = m.metatable(class, methods)
	}
	w.env.Declare(about.Name, table)
}

// constant is a module's value; null arrives as nil from the core.
func (w *World) constant(v any) lua.LValue {
	if v == nil {
		return w.marks.null
	}
	return w.toLua(w.state, v)
}

func (m *module) function(name string, waits bool) lua.LGFunction {
	return func(L *lua.LState) int {
		return m.call(L, bindings.Call{Module: m.about.Name, Func: name}, 1, waits)
	}
}

// metatable makes the methods of a kind of handle.
func (m *module) metatable(class string, methods bindings.Methods) *lua.LTable {
	L := m.world.state
	index := L.CreateTable(0, 0)
	for name, waits := range methods {
		index.RawSetString(name, L.NewFunction(m.method(class, name, waits)))
	}
	meta := L.CreateTable(0, 0)
	meta.RawSetString("__index", index)
	meta.RawSetString("__metatable", lua.LString(class))
	meta.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int { L.Push(lua.LString(class)); return 1 }))
	return meta
}

func (m *module) method(class, name string, waits bool) lua.LGFunction {
	return func(L *lua.LState) int {
		h, ok := L.CheckUserData(1).Value.(*handle)
		if !ok || h.ref.Type != class {
			L.RaiseError("%s is a method of a %s: call it with a colon", name, class)
		}
		return m.call(L, bindings.Call{Module: m.about.Name, Ref: h.ref.ID, Func: name}, 2, waits)
	}
}

// call packs the arguments from the given place on, has the call carried out, and pushes what came of it: the
// result, or nil, message, code; the author's mistakes are raised at the caller's line.
func (m *module) call(L *lua.LState, c bindings.Call, first int, waits bool) int {
	for i := first; i <= L.GetTop(); i++ {
		arg, err := m.world.toPlain(L.Get(i), m.at)
		if err != nil {
			L.RaiseError("%s.%s: argument %d: %s", c.Module, c.Func, i-first+1, err)
		}
		c.Args = append(c.Args, arg)
	}
	result, err := m.do(L, c, waits)
	if err == nil {
		L.Push(m.wrap(L, result))
		return 1
	}
	code, misuse := verdict(err)
	if misuse {
		L.RaiseError("%s.%s: %s", c.Module, c.Func, err)
	}
	L.Push(lua.LNil)
	L.Push(lua.LString(err.Error()))
	L.Push(lua.LString(code))
	return 3
}

func (m *module) do(L *lua.LState, c bindings.Call, waits bool) (result any, err error) {
	s := stintOf(L)
	if !waits || s == nil {
		return m.carry(L.Context(), c)
	}
	if m.world.loading {
		return nil, &bindings.Misuse{Message: "waits, which a role may do in a handler but not while its file loads"}
	}
	s.away(L, func(ctx context.Context) { result, err = m.carry(ctx, c) })
	return result, err
}

// wrap makes a result a Lua value; a handle becomes an object with its type's methods.
func (m *module) wrap(L *lua.LState, v any) lua.LValue {
	ref, ok := v.(bindings.Ref)
	if !ok {
		return m.world.toLua(L, v)
	}
	object := L.NewUserData()
	object.Value = &handle{ref: ref, at: m.at}
	object.Metatable = m.metas[ref.Type]
	return object
}

// verdict tells the author's mistakes from the world's refusals, whichever side the call was carried out on.
func verdict(err error) (code string, misuse bool) {
	var failure *ipc.Failure
	var failed *bindings.Error
	var wrong *bindings.Misuse
	switch {
	case errors.As(err, &failure):
		return failure.Code, failure.Misuse
	case errors.As(err, &wrong):
		return "", true
	case errors.As(err, &failed):
		return failed.Code, false
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout", false
	}
	return "cancelled", false
}
