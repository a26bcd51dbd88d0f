package sandbox

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// walker notes everything that scripts can get at, each value under the first name that it is found by.
type walker struct {
	box   *box
	th    *lua.LState
	seen  map[lua.LValue]bool
	queue []named
	lines []string
}

type named struct {
	path  string
	value lua.LValue
}

// found queues a value if it can hold or do something, and is new.
func (w *walker) found(path string, v lua.LValue) {
	if isPlain(v) || w.seen[v] {
		return
	}
	w.seen[v] = true
	w.queue = append(w.queue, named{path, v})
}

func isPlain(v lua.LValue) bool {
	switch v.(type) {
	case *lua.LTable, *lua.LFunction, *lua.LState, *lua.LUserData:
		return false
	}
	return true
}

func (w *walker) walk() {
	for len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = w.queue[1:]
		w.lines = append(w.lines, next.path+" "+next.value.Type().String())
		if meta := w.run("return getmetatable(...)", next.value); len(meta) > 0 {
			w.found(next.path+"<metatable>", meta[0])
		}
		switch v := next.value.(type) {
		case *lua.LTable:
			w.entries(next.path, v)
		case *lua.LFunction:
			w.results(next.path, v)
		}
	}
}

// entries queues what pairs shows of a table, and what plain indexing finds.
func (w *walker) entries(path string, t *lua.LTable) {
	var entries []named
	results := w.run("local t, list = ..., {} for k, v in pairs(t) do list[#list + 1] = k list[#list + 1] = v end return unpack(list)", t)
	for i := 0; i+1 < len(results); i += 2 {
		entries = append(entries, named{path + "." + results[i].String(), results[i+1]})
	}
	slices.SortFunc(entries, func(a, b named) int { return strings.Compare(a.path, b.path) })
	for _, e := range entries {
		if w.found(e.path, e.value); isPlain(e.value) {
			w.lines = append(w.lines, e.path+" "+e.value.Type().String())
		}
	}
}

// results calls a function with arguments of all kinds and queues what it returns.
func (w *walker) results(path string, fn *lua.LFunction) {
	for _, args := range []string{
		"", "_G", "''", "'x', 'x'", "print", "{}", "{ print }", "1, 1", "print, print", "{}, {}", "'*t'", "_G, '_G'",
		"coroutine.create(print)", "function() return 1 end", "nil", "true", "{}, nil",
	} {
		given := w.run("return " + args)
		for _, v := range given {
			w.seen[v] = true
		}
		results := w.run("return pcall(...)", append([]lua.LValue{fn}, given...)...)
		if len(results) == 0 {
			continue
		}
		for _, v := range results[1:] {
			w.found(path+"()", v)
		}
	}
}

// run runs a script; it gives nothing if that fails.
func (w *walker) run(source string, args ...lua.LValue) []lua.LValue {
	fn, err := w.box.load(w.th, source, "walk.lua")
	if err != nil {
		panic(err)
	}
	w.th.SetTop(0)
	if err := w.th.CallByParam(lua.P{Fn: fn, NRet: lua.MultRet, Protect: true}, args...); err != nil {
		return nil
	}
	results := make([]lua.LValue, w.th.GetTop())
	for i := range results {
		results[i] = w.th.Get(i + 1)
	}
	w.th.SetTop(0)
	return results
}

// TestReachable compares everything that scripts can get at, by tables, metatables and results, with the golden list.
// Whatever is added to the sandbox must be added there, with -update, and be looked at.
func TestReachable(t *testing.T) {
	b := newBox(DefaultLimits())
	th, _ := b.L.NewThread()
	w := &walker{box: b, th: th, seen: map[lua.LValue]bool{}}
	w.found("_G", b.env.globals)
	w.found("''<metatable>", w.run("return getmetatable('')")[0])
	w.walk()
	got := strings.Join(w.lines, "\n") + "\n"
	const golden = "testdata/reachable.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("scripts reach something else than %s:\n%s", golden, difference(string(want), got))
	}
}

// difference lists the lines that only one of two texts has.
func difference(want, got string) string {
	var b strings.Builder
	before, now := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, line := range before {
		if !slices.Contains(now, line) {
			fmt.Fprintf(&b, "- %s\n", line)
		}
	}
	for _, line := range now {
		if !slices.Contains(before, line) {
			fmt.Fprintf(&b, "+ %s\n", line)
		}
	}
	return b.String()
}
