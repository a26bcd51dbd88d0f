package sandbox

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openBase makes the functions that belong to no library.
func (e *Env) openBase(L *lua.LState) {
	for name, fn := range map[string]lua.LGFunction{
		"assert": baseAssert, "error": baseError, "getmetatable": e.getMetatable, "next": e.baseNext,
		"pairs": e.pairs, "pcall": e.pcall, "print": e.print, "rawequal": rawEqual, "rawget": e.rawGet,
		"rawset": e.rawSet, "require": e.require, "select": baseSelect, "setmetatable": setMetatable,
		"tonumber": baseToNumber, "tostring": e.baseToString, "type": baseType, "unpack": e.unpack, "xpcall": e.xpcall,
	} {
		e.known.RawSetString(name, L.NewFunction(fn))
	}
	e.next = e.known.RawGetString("next").(*lua.LFunction)
	e.known.RawSetString("ipairs", L.NewFunction(ipairs(L.NewFunction(inext))))
	e.helpers = map[string]*lua.LFunction{concatName: L.NewFunction(e.concat), appendName: L.NewFunction(appendItems)}
}

func baseAssert(L *lua.LState) int {
	if lua.LVAsBool(given(L, 1)) {
		return L.GetTop()
	}
	message := "assertion failed!"
	if !absent(L, 2) {
		message = text(L, 2)
	}
	L.Error(lua.LString(message), 0)
	return 0
}

// baseError finds the line itself: gopher-lua takes level 2 for level 1.
func baseError(L *lua.LState) int {
	value, level := L.Get(1), integerOr(L, 2, 1)
	message, ok := toText(value)
	if ok && level > 0 {
		value = lua.LString(where(L, level) + message)
	}
	L.Error(value, 0)
	return 0
}

// where is the place of the function at a level, ready to precede a message; empty if it is not Lua's.
func where(L *lua.LState, level int) string {
	if at := L.Where(level); at != "" && !strings.HasPrefix(at, "[G]") {
		return at + " "
	}
	return ""
}

// getMetatable shows only what scripts made themselves: neither that of strings nor those of objects from outside.
func (e *Env) getMetatable(L *lua.LState) int {
	v := given(L, 1)
	shown := L.GetMetaField(v, "__metatable")
	if t, ok := v.(*lua.LTable); ok && shown == lua.LNil {
		shown = L.GetMetatable(t)
	}
	L.Push(shown)
	return 1
}

func setMetatable(L *lua.LState) int {
	t := table(L, 1)
	switch meta := given(L, 2).(type) {
	case *lua.LTable, *lua.LNilType:
		if L.GetMetaField(t, "__metatable") != lua.LNil {
			L.RaiseError("cannot change a protected metatable")
		}
		t.Metatable = meta
	default:
		typeError(L, 2, "nil or table")
	}
	L.SetTop(1)
	return 1
}

func (e *Env) baseNext(L *lua.LState) int {
	key, value := L.Next(e.behind(table(L, 1)), L.Get(2))
	if key == lua.LNil {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(key)
	L.Push(value)
	return 2
}

func (e *Env) pairs(L *lua.LState) int {
	t := table(L, 1)
	L.Push(e.next)
	L.Push(t)
	L.Push(lua.LNil)
	return 3
}

func ipairs(next *lua.LFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		t := table(L, 1)
		L.Push(next)
		L.Push(t)
		L.Push(lua.LNumber(0))
		return 3
	}
}

func inext(L *lua.LState) int {
	i := integer(L, 2) + 1
	value := table(L, 1).RawGetInt(i)
	if value == lua.LNil {
		return 0
	}
	L.Push(lua.LNumber(i))
	L.Push(value)
	return 2
}

func rawEqual(L *lua.LState) int {
	L.Push(lua.LBool(L.RawEqual(given(L, 1), given(L, 2))))
	return 1
}

func (e *Env) rawGet(L *lua.LState) int {
	L.Push(e.behind(table(L, 1)).RawGet(given(L, 2)))
	return 1
}

func (e *Env) rawSet(L *lua.LState) int {
	t := table(L, 1)
	if t == e.globals {
		L.RaiseError("the globals cannot be changed: use a local")
	}
	L.RawSet(t, given(L, 2), given(L, 3))
	L.SetTop(1)
	return 1
}

func baseSelect(L *lua.LState) int {
	count := L.GetTop() - 1
	if s, ok := L.Get(1).(lua.LString); ok && s == "#" {
		L.Push(lua.LNumber(count))
		return 1
	}
	n := integer(L, 1)
	switch {
	case n < 0:
		n = count + n + 1
	case n > count:
		n = count + 1
	}
	if n < 1 {
		argError(L, 1, "index out of range")
	}
	return count - n + 1
}

func baseToNumber(L *lua.LState) int {
	v := given(L, 1)
	base := integerOr(L, 2, 10)
	if base == 10 {
		pushNumberOrNil(L, v)
		return 1
	}
	if base < 2 || base > 36 {
		argError(L, 2, "base out of range")
	}
	digits := strings.ToLower(trimSpace(text(L, 1)))
	negative := strings.HasPrefix(digits, "-")
	digits = strings.TrimPrefix(digits, "-")
	if base == 16 {
		digits = strings.TrimPrefix(digits, "0x")
	}
	n, ok := parseDigits(digits, base)
	switch {
	case !ok:
		L.Push(lua.LNil)
	case negative:
		L.Push(lua.LNumber(-n))
	default:
		L.Push(lua.LNumber(n))
	}
	return 1
}

func pushNumberOrNil(L *lua.LState, v lua.LValue) {
	if n, ok := toNumber(v); ok {
		L.Push(lua.LNumber(n))
		return
	}
	L.Push(lua.LNil)
}

// display is tostring: with __tostring, where there is one. Tables and functions show their address, which is the
// same as long as they live and tells nothing of use.
func (e *Env) display(L *lua.LState, v lua.LValue) string {
	if fn, ok := L.GetMetaField(v, "__tostring").(*lua.LFunction); ok {
		v = call(L, fn, v)
		if _, ok := toText(v); !ok {
			L.RaiseError("'__tostring' must return a string")
		}
	}
	if s, ok := toText(v); ok {
		return s
	}
	return v.String()
}

// call calls a Lua function for one result.
func call(L *lua.LState, fn *lua.LFunction, args ...lua.LValue) lua.LValue {
	L.Push(fn)
	for _, arg := range args {
		L.Push(arg)
	}
	L.Call(len(args), 1)
	result := L.Get(-1)
	L.Pop(1)
	return result
}

func (e *Env) baseToString(L *lua.LState) int {
	L.Push(lua.LString(e.display(L, given(L, 1))))
	return 1
}

func baseType(L *lua.LState) int {
	L.Push(lua.LString(given(L, 1).Type().String()))
	return 1
}

func (e *Env) unpack(L *lua.LState) int {
	t := table(L, 1)
	i, j := integerOr(L, 2, 1), 0
	if absent(L, 3) {
		j = t.Len()
	} else {
		j = integer(L, 3)
	}
	if i > j {
		return 0
	}
	if j-i >= e.lim.UnpackLen {
		L.RaiseError("too many results to unpack")
	}
	for k := i; k <= j; k++ {
		L.Push(t.RawGet(lua.LNumber(k)))
	}
	return j - i + 1
}

// print writes one line: what it is given, quoted, so that no line end, escape sequence or forged entry gets into a
// log with it.
func (e *Env) print(L *lua.LState) int {
	var b strings.Builder
	for i := 1; i <= L.GetTop() && b.Len() <= e.lim.PrintBytes; i++ {
		if i > 1 {
			b.WriteByte('\t')
		}
		s := e.display(L, L.Get(i))
		b.WriteString(s[:min(len(s), e.lim.PrintBytes+1)])
	}
	line := b.String()
	if len(line) > e.lim.PrintBytes {
		line = line[:e.lim.PrintBytes] + "..."
	}
	e.hooks.Print(strconv.Quote(line))
	return 0
}

// isHelper says whether require takes the name: "lib.", and small letters, digits, _ and dots.
func isHelper(name string) bool {
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return false
		}
	}
	return len(parts) > 1 && parts[0] == "lib"
}

func (e *Env) require(L *lua.LState) int {
	name := text(L, 1)
	if !isHelper(name) {
		L.RaiseError("cannot require %s: helpers are called \"lib.name\", in small letters, digits and _", shown(name))
	}
	if e.hooks.Require == nil {
		L.RaiseError("cannot require %s: there are no helpers here", shown(name))
	}
	value, err := e.hooks.Require(L, name)
	if err != nil {
		L.RaiseError("%s", err)
	}
	L.Push(value)
	return 1
}
