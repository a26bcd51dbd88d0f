package sandbox

import (
	"math"
	"math/rand/v2"

	lua "github.com/yuin/gopher-lua"
)

// openMath makes the math library. Its random numbers are the world's own.
func (e *Env) openMath(L *lua.LState) {
	source := e.hooks.Random
	if source == nil {
		source = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	e.random = rand.New(source)
	library := e.library(L, "math", map[string]lua.LGFunction{
		"abs": of1(math.Abs), "acos": of1(math.Acos), "asin": of1(math.Asin), "atan": of1(math.Atan), "atan2": of2(math.Atan2),
		"ceil": of1(math.Ceil), "cos": of1(math.Cos), "cosh": of1(math.Cosh), "exp": of1(math.Exp), "floor": of1(math.Floor),
		"fmod": of2(math.Mod), "log": of1(math.Log), "log10": of1(math.Log10), "pow": of2(math.Pow), "sin": of1(math.Sin),
		"sinh": of1(math.Sinh), "sqrt": of1(math.Sqrt), "tan": of1(math.Tan), "tanh": of1(math.Tanh),
		"deg":   of1(func(x float64) float64 { return x * (180 / math.Pi) }),
		"rad":   of1(func(x float64) float64 { return x * (math.Pi / 180) }),
		"ldexp": of2(func(x, n float64) float64 { return math.Ldexp(x, clamp(n)) }),
		"frexp": mathFrexp, "modf": mathModf, "max": best(math.Max), "min": best(math.Min),
		"random": e.mathRandom, "randomseed": e.mathRandomSeed,
	})
	library.RawSetString("pi", lua.LNumber(math.Pi))
	library.RawSetString("huge", lua.LNumber(math.Inf(1)))
}

func of1(f func(float64) float64) lua.LGFunction {
	return func(L *lua.LState) int {
		L.Push(lua.LNumber(f(number(L, 1))))
		return 1
	}
}

func of2(f func(x, y float64) float64) lua.LGFunction {
	return func(L *lua.LState) int {
		L.Push(lua.LNumber(f(number(L, 1), number(L, 2))))
		return 1
	}
}

func best(f func(x, y float64) float64) lua.LGFunction {
	return func(L *lua.LState) int {
		n := number(L, 1)
		for i := 2; i <= L.GetTop(); i++ {
			n = f(n, number(L, i))
		}
		L.Push(lua.LNumber(n))
		return 1
	}
}

func mathFrexp(L *lua.LState) int {
	fraction, exponent := math.Frexp(number(L, 1))
	L.Push(lua.LNumber(fraction))
	L.Push(lua.LNumber(exponent))
	return 2
}

func mathModf(L *lua.LState) int {
	n := number(L, 1)
	whole := math.Trunc(n)
	L.Push(lua.LNumber(whole))
	if math.IsInf(n, 0) {
		L.Push(lua.LNumber(0))
	} else {
		L.Push(lua.LNumber(n - whole))
	}
	return 2
}

func (e *Env) mathRandom(L *lua.LState) int {
	r, low, high := e.random.Float64(), 1.0, 0.0
	switch L.GetTop() {
	case 0:
		L.Push(lua.LNumber(r))
		return 1
	case 1:
		high = math.Floor(number(L, 1))
	case 2:
		low, high = math.Floor(number(L, 1)), math.Floor(number(L, 2))
	default:
		L.RaiseError("wrong number of arguments")
	}
	if !(low <= high) {
		argError(L, L.GetTop(), "interval is empty")
	}
	L.Push(lua.LNumber(low + math.Floor(r*(high-low+1))))
	return 1
}

func (e *Env) mathRandomSeed(L *lua.LState) int {
	e.random = rand.New(rand.NewPCG(math.Float64bits(number(L, 1)), 0))
	return 0
}
