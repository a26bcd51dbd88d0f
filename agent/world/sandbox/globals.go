package sandbox

import (
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Declare makes a value a global that scripts can read.
func (e *Env) Declare(name string, value lua.LValue) {
	delete(e.denied, name)
	e.known.RawSetString(name, value)
}

// Declared is what scripts read under a name; nil when there is nothing.
func (e *Env) Declared(name string) lua.LValue { return e.known.RawGetString(name) }

// Deny makes reading a global raise the message.
func (e *Env) Deny(name, message string) {
	e.known.RawSetString(name, lua.LNil)
	e.denied[name] = message
}

// Loaded ends the time in which scripts may assign their ROLE_ names.
func (e *Env) Loaded() { e.loaded = true }

// seal puts the strict rules around the globals. Scripts see an empty table, whose entries are those of known;
// so every assignment meets assign, also that of a name which exists.
func (e *Env) seal(L *lua.LState) {
	strict := L.CreateTable(0, 0)
	strict.RawSetString("__index", L.NewFunction(e.undeclared))
	e.known.Metatable = strict
	front := L.CreateTable(0, 0)
	front.RawSetString("__index", e.known)
	front.RawSetString("__newindex", L.NewFunction(e.assign))
	front.RawSetString("__metatable", lua.LFalse)
	e.globals.Metatable = front
	e.known.RawSetString("_G", e.globals)
	e.known.RawSetString("_VERSION", lua.LString(lua.LuaVersion))
}

// names are all globals there are, with those that are denied.
func (e *Env) names() []string {
	names := roleNames()
	e.known.ForEach(func(k, _ lua.LValue) { names = append(names, k.String()) })
	for name := range e.denied {
		names = append(names, name)
	}
	return names
}

// undeclared raises for reading a global that is none.
func (e *Env) undeclared(L *lua.LState) int {
	name := lua.LVAsString(L.Get(2))
	if message, ok := e.denied[name]; ok {
		L.RaiseError("%s", message)
	}
	L.RaiseError("%s is not defined%s", described(L.Get(2)), didYouMean(name, e.names()))
	return 0
}

// assign takes the ROLE_ names while the file loads, and raises for all others.
func (e *Env) assign(L *lua.LState) int {
	name := lua.LVAsString(L.Get(2))
	switch {
	case slices.Contains(roleNames(), name) && !e.loaded:
		e.known.RawSetString(name, L.Get(3))
		return 0
	case slices.Contains(roleNames(), name):
		L.RaiseError("%s is fixed once the file is loaded", name)
	case strings.HasPrefix(name, rolePrefix):
		L.RaiseError("%s is not known%s", name, didYouMean(name, roleNames()))
	case e.known.RawGetString(name) != lua.LNil:
		L.RaiseError("global %s cannot be replaced: use a local", name)
	}
	L.RaiseError("%s is not declared: use \"local\"%s", described(L.Get(2)), didYouMean(name, roleNames()))
	return 0
}

// described is the global that a key names.
func described(key lua.LValue) string {
	if name, ok := key.(lua.LString); ok {
		return "global " + shown(string(name))
	}
	return fmt.Sprintf("a global under a %s", key.Type())
}

// behind is the table that a script means by t: for the globals, what stands behind them.
func (e *Env) behind(t *lua.LTable) *lua.LTable {
	if t == e.globals {
		return e.known
	}
	return t
}
