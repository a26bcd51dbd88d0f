package sandbox

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// unnamed is how a frame is called whose caller has no name for it.
const unnamed = "(unnamed)"

// These read a function's arguments as Lua's own libraries do, with their coercions and their messages.

// argError raises that argument n is wrong.
func argError(L *lua.LState, n int, message string) {
	name := "?"
	if frame, ok := L.GetStack(0); ok {
		if _, err := L.GetInfo("n", frame, nil); err == nil && frame.Name != "" && frame.Name[0] != '(' && frame.Name[0] != '<' {
			name = frame.Name
		}
	}
	L.RaiseError("%s", fmt.Sprintf("bad argument #%d to '%s' (%s)", n, name, message))
}

func typeError(L *lua.LState, n int, want string) {
	got := "no value"
	if n <= L.GetTop() {
		got = L.Get(n).Type().String()
	}
	argError(L, n, want+" expected, got "+got)
}

// given wants any argument, nil included.
func given(L *lua.LState, n int) lua.LValue {
	if n > L.GetTop() {
		argError(L, n, "value expected")
	}
	return L.Get(n)
}

func absent(L *lua.LState, n int) bool { return L.Get(n) == lua.LNil }

func text(L *lua.LState, n int) string {
	s, ok := toText(L.Get(n))
	if !ok {
		typeError(L, n, "string")
	}
	return s
}

func number(L *lua.LState, n int) float64 {
	v, ok := toNumber(L.Get(n))
	if !ok {
		typeError(L, n, "number")
	}
	return v
}

func integer(L *lua.LState, n int) int { return clamp(number(L, n)) }

func integerOr(L *lua.LState, n, otherwise int) int {
	if absent(L, n) {
		return otherwise
	}
	return integer(L, n)
}

func table(L *lua.LState, n int) *lua.LTable {
	t, ok := L.Get(n).(*lua.LTable)
	if !ok {
		typeError(L, n, "table")
	}
	return t
}

func function(L *lua.LState, n int) *lua.LFunction {
	f, ok := L.Get(n).(*lua.LFunction)
	if !ok {
		typeError(L, n, "function")
	}
	return f
}

func thread(L *lua.LState, n int) *lua.LState {
	t, ok := L.Get(n).(*lua.LState)
	if !ok {
		typeError(L, n, "coroutine")
	}
	return t
}
