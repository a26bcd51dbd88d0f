package sandbox

import (
	"context"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		newBox(DefaultLimits())
	}
}

func BenchmarkParseAndCompile(b *testing.B) {
	source := []byte(program(7))
	b.SetBytes(int64(len(source)))
	for b.Loop() {
		chunk, err := Parse(source, "bench.lua", DefaultLimits())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := chunk.Compile(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRun measures one round of a loop, with a context as in a worker.
func BenchmarkRun(b *testing.B) {
	for name, body := range map[string]string{
		"empty":       "",
		"global":      "local f = tostring",
		"call":        "f(i)",
		"concat":      "local s = i .. 'x' .. i",
		"method":      "local s = ('x'):sub(1, 1)",
		"pcall":       "pcall(f, i)",
		"pcall+error": "pcall(error, i)",
		"wrap":        "coroutine.wrap(f)(i)",
		"yield":       "yield()",
		"match":       "local s = ('key = value'):match('^(%w+)%s*=%s*(%w+)$')",
		"format":      "local s = ('%d %s'):format(i, 'x')",
	} {
		b.Run(name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			box := newBox(DefaultLimits())
			th, _ := box.L.NewThread()
			th.SetContext(ctx)
			fn, err := box.load(th, `local function f(v) return v end
local yield = coroutine.wrap(function() while true do coroutine.yield() end end)
return function(n) for i = 1, n do `+body+` end end`, "bench.lua")
			if err != nil {
				b.Fatal(err)
			}
			loop := call(th, fn)
			b.ReportAllocs()
			b.ResetTimer()
			call(th, loop.(*lua.LFunction), lua.LNumber(b.N))
		})
	}
}
