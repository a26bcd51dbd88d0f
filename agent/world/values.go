package world

import (
	"fmt"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	lua "github.com/yuin/gopher-lua"
)

// Plain values nest no deeper and hold no more than this; Lua tables may, and may contain themselves.
const (
	maxDepth = 100
	maxNodes = 1 << 20
)

// marks tell apart in Lua what Lua does not: a list that may be empty, and JSON's null.
type marks struct {
	list *lua.LTable
	null *lua.LUserData
}

func newMarks(L *lua.LState) marks {
	list := L.CreateTable(0, 0)
	list.RawSetString("__metatable", lua.LString("list")) // roles neither see nor change the mark itself
	null := L.NewUserData()
	null.Value = bindings.Null{}
	meta := L.CreateTable(0, 0)
	meta.RawSetString("__metatable", lua.LString("null"))
	meta.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int { L.Push(lua.LString("null")); return 1 }))
	null.Metatable = meta
	return marks{list, null}
}

// toLua makes a Lua value of a plain one.
func (w *World) toLua(L *lua.LState, v any) lua.LValue {
	switch x := v.(type) {
	case nil:
		return lua.LNil
	case bool:
		return lua.LBool(x)
	case float64:
		return lua.LNumber(x)
	case int64:
		return lua.LNumber(x)
	case string:
		return lua.LString(x)
	case bindings.Null:
		return w.marks.null
	case []any:
		return w.listToLua(L, x)
	case map[string]any:
		table := L.CreateTable(0, len(x))
		for key, item := range x {
			table.RawSetString(key, w.toLua(L, item))
		}
		return table
	}
	panic(fmt.Sprintf("%T is no plain value", v))
}

func (w *World) listToLua(L *lua.LState, list []any) *lua.LTable {
	table := L.CreateTable(len(list), 0)
	table.Metatable = w.marks.list
	for i, item := range list {
		value := w.toLua(L, item)
		if value == lua.LNil { // a hole would end the list
			value = w.marks.null
		}
		table.RawSetInt(i+1, value)
	}
	return table
}

// origin says where a handle's value is kept, and so to whom it may be given.
type origin int

const (
	plainOnly origin = iota // no handles and no functions
	local                   // a pure binding, in this process
	remote                  // the core
)

// packer makes plain values of Lua's.
type packer struct {
	world *World
	to    origin
	nodes int
}

func (w *World) toPlain(v lua.LValue, to origin) (any, error) {
	p := &packer{world: w, to: to}
	return p.pack(v, 0)
}

func (p *packer) pack(v lua.LValue, depth int) (any, error) {
	if p.nodes++; depth > maxDepth || p.nodes > maxNodes {
		return nil, &bindings.Misuse{Message: "the table is too deep or too large, or contains itself"}
	}
	switch x := v.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(x), nil
	case lua.LNumber:
		return float64(x), nil
	case lua.LString:
		return string(x), nil
	case *lua.LTable:
		return p.table(x, depth)
	case *lua.LUserData:
		return p.userdata(x)
	case *lua.LFunction:
		return p.function(x, depth)
	}
	return nil, &bindings.Misuse{Message: "a " + v.Type().String() + " cannot be an argument"}
}

// function keeps a Lua function for the binding that it is given to.
func (p *packer) function(fn *lua.LFunction, depth int) (any, error) {
	if p.to != remote || depth > 0 {
		return nil, &bindings.Misuse{Message: "a function does not fit here"}
	}
	p.world.lastFunc++
	p.world.funcs[p.world.lastFunc] = fn
	if !fn.IsG {
		p.world.origins.Store(p.world.lastFunc, fmt.Sprintf("%s:%d", fn.Proto.SourceName, fn.Proto.LineDefined))
	}
	return contract.FuncRef{ID: p.world.lastFunc}, nil
}

func (p *packer) userdata(u *lua.LUserData) (any, error) {
	switch x := u.Value.(type) {
	case bindings.Null:
		return x, nil
	case *handle:
		if x.at == p.to {
			return x.ref, nil
		}
		return nil, &bindings.Misuse{Message: "a " + x.ref.Type + " cannot be given to this module"}
	}
	return nil, &bindings.Misuse{Message: "this object cannot be an argument"}
}

// table packs a list (1..n without holes), or an object whose keys are strings. An empty table is an object unless it
// is marked as a list.
func (p *packer) table(t *lua.LTable, depth int) (any, error) {
	n := t.Len()
	if n > 0 || t.Metatable == p.world.marks.list {
		return p.list(t, n, depth)
	}
	object := map[string]any{}
	var failed error
	t.ForEach(func(k, v lua.LValue) {
		key, ok := k.(lua.LString)
		if failed != nil || !ok {
			failed = firstError(failed, notText(k))
			return
		}
		item, err := p.pack(v, depth+1)
		object[string(key)], failed = item, err
	})
	return object, failed
}

func (p *packer) list(t *lua.LTable, n, depth int) (any, error) {
	list, count := make([]any, 0, n), 0
	t.ForEach(func(lua.LValue, lua.LValue) { count++ })
	if count != n {
		return nil, &bindings.Misuse{Message: "a table is either a list or named entries, not both, and a list has no holes"}
	}
	for i := range n {
		item, err := p.pack(t.RawGetInt(i+1), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, nil
}

func notText(k lua.LValue) error {
	return &bindings.Misuse{Message: fmt.Sprintf("the key %s of a table is no string", k)}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
