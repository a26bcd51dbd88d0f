package sandbox

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// arithmetic are the operators on numbers, by the event that they are in metatables.
func arithmetic() map[string]func(a, b float64) float64 {
	return map[string]func(a, b float64) float64{
		"__add": func(a, b float64) float64 { return a + b },
		"__sub": func(a, b float64) float64 { return a - b },
		"__mul": func(a, b float64) float64 { return a * b },
		"__div": func(a, b float64) float64 { return a / b },
		"__mod": func(a, b float64) float64 { return a - math.Floor(a/b)*b },
		"__pow": math.Pow,
		"__unm": func(a, _ float64) float64 { return -a },
	}
}

// coerced makes the metamethod of strings for an operator. The interpreter would coerce strings itself, but reads
// "010" as octal and "1_0" as a number.
func coerced(event string, op func(a, b float64) float64) lua.LGFunction {
	return func(L *lua.LState) int {
		a, b := L.Get(1), L.Get(2)
		if event == "__unm" {
			b = a
		}
		x, left := toNumber(a)
		y, right := toNumber(b)
		if left && right {
			L.Push(lua.LNumber(op(x, y)))
			return 1
		}
		// A string comes first in the interpreter's search for a metamethod; the other operand may have a better one.
		for _, v := range []lua.LValue{a, b} {
			if fn, ok := L.GetMetaField(v, event).(*lua.LFunction); ok && v.Type() != lua.LTString {
				L.Push(call(L, fn, a, b))
				return 1
			}
		}
		culprit := a
		if left {
			culprit = b
		}
		L.RaiseError("attempt to perform arithmetic (%s) on a %s value", strings.TrimLeft(event, "_"), culprit.Type())
		return 0
	}
}
