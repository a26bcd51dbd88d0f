package sandbox

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode"

	lua "github.com/yuin/gopher-lua"
)

// FuzzRun runs sources in the sandbox. Whatever a source does, it ends with its context, it names file and line when it
// fails, what it prints is one line without controls, and another world finds the library as it was.
func FuzzRun(f *testing.F) {
	for seed := range uint64(20) {
		f.Add([]byte(program(seed)))
	}
	for _, seed := range []string{
		`return ("x"):rep(3), table.concat({ 1, 2 }, ","), #"żółć"`, `error({ 1 })`, `print("a\n\27[2Jb", nil, {})`,
		`local t = setmetatable({}, { __index = function(t, k) return k .. "!" end }) return t.a, t[1]`, `while true do end`,
		`local co = coroutine.wrap(function(...) local a = coroutine.yield(...) return a end) return co(1), co(2)`,
		`return pcall(function() local function f() return f() end f() end)`, `return ("aaa"):gsub("(a-)(a*)$", "%2%1")`,
		`string.rep = nil`, `_G.tostring = error`, `getmetatable("").__index = nil`, `return select(-1, pcall(error))`,
	} {
		f.Add([]byte(seed))
	}
	lim := DefaultLimits()
	lim.SourceBytes = 16 << 10
	f.Fuzz(func(t *testing.T, src []byte) {
		b := newBox(lim)
		defer b.L.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := b.run(ctx, string(src), "fuzz.lua")
		if took := time.Since(began); took > patience {
			t.Fatalf("ran on for %v after its end", took)
		}
		if err != nil && ctx.Err() == nil && !strings.Contains(Describe(err), "fuzz.lua:") {
			t.Errorf("%q names no place", err)
		}
		for _, line := range b.printed {
			if strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("printed %q", line)
			}
		}
		results, err := newBox(lim).run(t.Context(), `return ("x"):rep(3) .. tostring(#table.concat({ "a", "b" })) .. type(pcall)`, "after.lua")
		if err != nil || len(results) != 1 || results[0] != lua.LString("xxx2function") {
			t.Errorf("afterwards: %v, %v", results, err)
		}
	})
}
