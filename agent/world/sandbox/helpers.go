package sandbox

import (
	lua "github.com/yuin/gopher-lua"
)

// concat is the operator "..", for any number of operands. It binds to the right.
func (e *Env) concat(L *lua.LState) int {
	n := L.GetTop()
	result := L.Get(n)
	for n > 1 {
		if joined, operands := e.join(L, n, result); operands > 0 {
			result = lua.LString(joined)
			n -= operands
			continue
		}
		n--
		result = concatMeta(L, L.Get(n), result)
	}
	L.Push(result)
	return 1
}

// join puts together the operands left of operand n that are text, and right, which stands for it. It says how many
// it took; none if either neighbour is no text.
func (e *Env) join(L *lua.LState, n int, right lua.LValue) (joined string, operands int) {
	last, ok := toText(right)
	if !ok {
		return "", 0
	}
	var room [8]string
	parts, size := append(room[:0], last), len(last)
	for ; operands < n-1; operands++ {
		part, ok := toText(L.Get(n - 1 - operands))
		if !ok {
			break
		}
		size += len(part)
		parts = append(parts, part)
	}
	if operands == 0 {
		return "", 0
	}
	e.fits(L, size)
	b := make([]byte, 0, size)
	for i := len(parts) - 1; i >= 0; i-- {
		b = append(b, parts[i]...)
	}
	return string(b), operands
}

func concatMeta(L *lua.LState, a, b lua.LValue) lua.LValue {
	for _, v := range []lua.LValue{a, b} {
		if v.Type() == lua.LTString {
			continue
		}
		if fn, ok := L.GetMetaField(v, "__concat").(*lua.LFunction); ok {
			return call(L, fn, a, b)
		}
	}
	culprit := a
	if _, ok := toText(a); ok {
		culprit = b
	}
	L.RaiseError("attempt to concatenate a %s value", culprit.Type())
	return lua.LNil
}

// appendItems is { ..., f() } where gopher-lua would mix up the items: it gets the table, the number of items that it
// has, and those to add.
func appendItems(L *lua.LState) int {
	t, n := table(L, 1), integer(L, 2)
	for i := 3; i <= L.GetTop(); i++ {
		t.RawSetInt(n+i-2, L.Get(i))
	}
	L.SetTop(1)
	return 1
}
