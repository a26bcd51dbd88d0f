package sandbox

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openString makes the string library, which is also where methods of strings are looked up. The metatable is that of
// all strings: getmetatable does not show it.
func (e *Env) openString(L *lua.LState) {
	library := e.library(L, "string", map[string]lua.LGFunction{
		"byte": e.stringByte, "char": stringChar, "find": e.stringFind, "format": e.stringFormat, "gmatch": e.stringGmatch,
		"gsub": e.stringGsub, "len": stringLen, "lower": mapped(lowerByte), "match": e.stringMatch, "rep": e.stringRep,
		"reverse": stringReverse, "sub": stringSub, "upper": mapped(upperByte),
	})
	meta := L.CreateTable(0, 0)
	meta.RawSetString("__index", library)
	for event, op := range arithmetic() {
		meta.RawSetString(event, L.NewFunction(coerced(event, op)))
	}
	L.SetMetatable(lua.LString(""), meta)
}

// relative makes a position from 1 of one that may count from the end.
func relative(at, length int) int {
	if at < 0 {
		at += length + 1
	}
	return max(at, 0)
}

func stringLen(L *lua.LState) int {
	L.Push(lua.LNumber(len(text(L, 1))))
	return 1
}

func stringSub(L *lua.LState) int {
	s := text(L, 1)
	i := max(relative(integer(L, 2), len(s)), 1)
	j := min(relative(integerOr(L, 3, -1), len(s)), len(s))
	if i > j {
		L.Push(lua.LString(""))
		return 1
	}
	L.Push(part(s, i-1, j))
	return 1
}

// part is a copy of s from i to j: a short piece must not keep a long string alive.
func part(s string, i, j int) lua.LString {
	if j-i == len(s) {
		return lua.LString(s)
	}
	return lua.LString(strings.Clone(s[i:j]))
}

func (e *Env) stringByte(L *lua.LState) int {
	s := text(L, 1)
	i := relative(integerOr(L, 2, 1), len(s))
	j := min(relative(integerOr(L, 3, i), len(s)), len(s))
	i = max(i, 1)
	if i > j {
		return 0
	}
	if j-i >= e.lim.UnpackLen {
		L.RaiseError("string slice too long")
	}
	for _, c := range []byte(s[i-1 : j]) {
		L.Push(lua.LNumber(c))
	}
	return j - i + 1
}

func stringChar(L *lua.LState) int {
	b := make([]byte, L.GetTop())
	for i := range b {
		c := integer(L, i+1)
		if c < 0 || c > 255 {
			argError(L, i+1, "invalid value")
		}
		b[i] = byte(c)
	}
	L.Push(lua.LString(b))
	return 1
}

func (e *Env) stringRep(L *lua.LState) int {
	s, n := text(L, 1), max(integer(L, 2), 0)
	if s == "" {
		n = 0
	}
	e.fits(L, len(s)*min(n, e.lim.StringBytes+1)) // with that many it is too long already
	L.Push(lua.LString(strings.Repeat(s, n)))
	return 1
}

func stringReverse(L *lua.LState) int {
	s := text(L, 1)
	b := make([]byte, len(s))
	for i := range len(s) {
		b[len(s)-1-i] = s[i]
	}
	L.Push(lua.LString(b))
	return 1
}

// mapped makes a function that changes each byte. Letters are those of the C locale.
func mapped(change func(byte) byte) lua.LGFunction {
	return func(L *lua.LState) int {
		b := []byte(text(L, 1))
		for i, c := range b {
			b[i] = change(c)
		}
		L.Push(lua.LString(b))
		return 1
	}
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func upperByte(c byte) byte {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}
