package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// fails runs a source that must fail and gives the message.
func fails(t *testing.T, b *box, source string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	_, err := b.run(ctx, source, "test.lua")
	if err == nil {
		t.Fatalf("%s\ndoes not fail", source)
	}
	return Describe(err)
}

func TestGlobals(t *testing.T) {
	b := newBox(DefaultLimits())
	b.env.Declare("process", b.L.NewTable())
	b.env.Deny("http", `http needs the grant "http": add it to ROLE_GRANTS`)
	tests := []struct{ name, source, message string }{
		{"read unknown", "return prnt", `test.lua:1: global "prnt" is not defined: did you mean "print"?`},
		{"read unknown module", "\nreturn proces.run", `test.lua:2: global "proces" is not defined: did you mean "process"?`},
		{"read strange", "return somethingElse", `test.lua:1: global "somethingElse" is not defined`},
		{"call unknown", "foo()", `test.lua:1: global "foo" is not defined`},
		{"read denied", "return http.get", `test.lua:1: http needs the grant "http": add it to ROLE_GRANTS`},
		{"read through _G", "return _G.http", `test.lua:1: http needs the grant "http": add it to ROLE_GRANTS`},
		{"read by number", "return _G[1]", "test.lua:1: a global under a number is not defined"},
		{"assign", "x = 1", `test.lua:1: global "x" is not declared: use "local"`},
		{"assign misspelt", "ROLE_NAEM = 1", `test.lua:1: ROLE_NAEM is not known: did you mean "ROLE_NAME"?`},
		{"assign module", "process = nil", "test.lua:1: global process cannot be replaced: use a local"},
		{"assign denied", "http = {}", `test.lua:1: global "http" is not declared: use "local"`},
		{"define function", "function run() end", `test.lua:1: global "run" is not declared: use "local"`},
		{"raw", "rawset(_G, 'x', 1)", "test.lua:1: the globals cannot be changed: use a local"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fails(t, b, tt.source); got != tt.message {
				t.Errorf("got  %s\nwant %s", got, tt.message)
			}
		})
	}
	b.env.Declare("http", lua.LString("granted"))
	if _, err := b.run(t.Context(), "assert(http == 'granted' and _G.http == http and rawget(_G, 'none') == nil)", "test.lua"); err != nil {
		t.Error(err)
	}
}

func TestRoleNamesWhileLoading(t *testing.T) {
	b := newBox(DefaultLimits())
	const source = "ROLE_NAME = 'x' ROLE_CONTEXTS = { 'system' } assert(ROLE_NAME == 'x' and ROLE_CONTEXTS[1] == 'system')"
	if _, err := b.run(t.Context(), source, "test.lua"); err != nil {
		t.Fatal(err)
	}
	b.env.Loaded()
	if got, want := fails(t, b, "ROLE_NAME = 'y'"), "test.lua:1: ROLE_NAME is fixed once the file is loaded"; got != want {
		t.Errorf("got %s", got)
	}
	if got := fails(t, b, "return ROLE_GRANTS"); !strings.Contains(got, "is not defined") {
		t.Errorf("got %s", got)
	}
}

func TestPrint(t *testing.T) {
	lim := DefaultLimits()
	lim.PrintBytes = 20
	b := newBox(lim)
	const source = `print("a", 1, nil, true, 1.5)
print("line\nforged", "\27[2J")
print(("x"):rep(100))
print()
print(setmetatable({}, { __tostring = function() return "object" end }))
print(("y"):rep(20))`
	if _, err := b.run(t.Context(), source, "test.lua"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`"a\t1\tnil\ttrue\t1.5"`, `"line\nforged\t\x1b[2J"`, `"xxxxxxxxxxxxxxxxxxxx..."`, `""`, `"object"`, `"yyyyyyyyyyyyyyyyyyyy"`,
	}
	if !slices.Equal(b.printed, want) {
		t.Errorf("got  %q\nwant %q", b.printed, want)
	}
}

func TestRequire(t *testing.T) {
	b := newBox(DefaultLimits())
	b.helpers["lib.math.more"] = "return { twice = function(x) return 2 * x end }"
	b.helpers["lib.broken"] = "\nlocal x = nil\nreturn x.y"
	if _, err := b.run(t.Context(), `assert(require("lib.math.more").twice(3) == 6)`, "test.lua"); err != nil {
		t.Error(err)
	}
	for source, want := range map[string]string{
		`require "lib.none"`:   `test.lua:1: no helper "lib.none"`,
		`require "lib.broken"`: `lib.broken.lua:3: attempt to index a non-table object(nil) with key 'y'`,
		`require "other"`:      `test.lua:1: cannot require "other": helpers are called "lib.name", in small letters, digits and _`,
		`require "lib.A"`:      `test.lua:1: cannot require "lib.A": helpers are called "lib.name", in small letters, digits and _`,
		`require()`:            `test.lua:1: bad argument #1 to 'require' (string expected, got no value)`,
	} {
		if got := fails(t, b, source); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", source, got, want)
		}
	}
}

// TestArgumentErrors makes sure that they are in Lua's words, and name the caller's line.
func TestArgumentErrors(t *testing.T) {
	b := newBox(DefaultLimits())
	for source, want := range map[string]string{
		`string.rep()`:                                "bad argument #1 to 'rep' (string expected, got no value)",
		`string.rep("x", {})`:                         "bad argument #2 to 'rep' (number expected, got table)",
		`local f = table.concat f(nil)`:               "bad argument #1 to 'f' (table expected, got nil)",
		`("x"):rep("y")`:                              "bad argument #2 to 'rep' (number expected, got string)",
		`setmetatable({}, 1)`:                         "bad argument #2 to 'setmetatable' (nil or table expected, got number)",
		`coroutine.resume(1)`:                         "bad argument #1 to 'resume' (coroutine expected, got number)",
		`table.sort({}, 1)`:                           "bad argument #2 to 'sort' (function expected, got number)",
		`("x"):format(1, 2) string.format("%d", "x")`: "bad argument #2 to 'format' (number expected, got string)",
		`return 1 .. {}`:                              "attempt to concatenate a table value",
		`return {} .. 1`:                              "attempt to concatenate a table value",
		`return "a" + 1`:                              "attempt to perform arithmetic (add) on a string value",
		`return 1 - nil`:                              "cannot perform sub operation between number and nil",
	} {
		if got := fails(t, b, "\n"+source); got != "test.lua:2: "+want {
			t.Errorf("%s\ngot  %s\nwant %s", source, got, want)
		}
	}
}

// TestMoreThanReference is what the documentation says goes beyond Lua 5.1 or differs from it.
func TestMoreThanReference(t *testing.T) {
	tests := []struct{ source, want string }{
		{`return tostring(2^53), 12345678901234567 .. "", 1e15 .. ""`, "9007199254740992 1.2345678901235e+16 1000000000000000"},
		{`return ("%s %s %5s"):format(nil, true, false), ("%s"):format(setmetatable({}, { __tostring = function() return "o" end }))`, "nil true false o"},
		{`return coroutine.wrap(math.max)(1, 5, 3), coroutine.wrap(coroutine.yield)(7)`, "5 7"},
		{`return select(2, coroutine.resume(coroutine.create(tostring), 5))`, "5"},
		{`local t = {} for k in pairs(_G) do t[k] = true end return tostring(t.print), tostring(t._G), tostring(t["(concat)"])`, "true true nil"},
		{`local out = {} for i = 1, 5 do if i % 2 == 0 then goto continue end out[#out + 1] = i ::continue:: end return table.concat(out, ",")`, "1,3,5"},
		{`local n = 0 ::top:: n = n + 1 if n < 5 then goto top end return n`, "5"},
		{`for i = 1, 3 do goto done end ::done:: return "done"`, "done"},
		{`local f for i = 1, 3 do ::again:: local x = i f = f or function() return x end if false then goto again end end return f()`, "1"},
		{`local function f(...) return tostring(rawget(_G, "arg")) end return f(1)`, "nil"},
	}
	for _, tt := range tests {
		if got := strings.Join(eval(t, tt.source), " "); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.source, got, tt.want)
		}
	}
}

func TestCaps(t *testing.T) {
	lim := DefaultLimits()
	lim.StringBytes, lim.ArrayLen, lim.UnpackLen, lim.PatternSteps = 1000, 100, 50, 10_000
	lim.CoroutineDepth, lim.ProtectedDepth, lim.Frames = 5, 10, 300
	b := newBox(lim)
	for source, want := range map[string]string{
		`return ("x"):rep(1001)`:                               "string too long: 1001 bytes, and 1000 are allowed",
		`local s = ("x"):rep(600) return s .. s`:               "string too long: 1200 bytes, and 1000 are allowed",
		`return table.concat({ ("x"):rep(999), "xx" })`:        "string too long: 1001 bytes, and 1000 are allowed",
		`return (("x"):rep(999):gsub("x", "xx"))`:              "string too long: 1001 bytes, and 1000 are allowed",
		`return ("%s%s"):format(("x"):rep(999), "xx")`:         "string too long: 1001 bytes, and 1000 are allowed",
		`return ("%q"):format(("x"):rep(999))`:                 "string too long: 1001 bytes, and 1000 are allowed",
		`return os.date(("x"):rep(998) .. "%%%%%%")`:           "string too long: 1004 bytes, and 1000 are allowed",
		`local t = {} while true do table.insert(t, 1) end`:    "table too large: it has 100 items",
		`local t = {} while true do table.insert(t, 1, 1) end`: "table too large: it has 100 items",
		`return unpack({}, 1, 51)`:                             "too many results to unpack",
		`return ("x"):rep(60):byte(1, -1)`:                     "string slice too long",
		`return ("x"):rep(900):find(".-.-.-y")`:                "pattern too complex for its subject",
		`local function f() coroutine.wrap(f)() end f()`:       "coroutines nested more than 5 deep",
	} {
		if got := fails(t, b, source); !strings.HasPrefix(got, "test.lua:1: ") || !strings.HasSuffix(got, want) {
			t.Errorf("%s\ngot  %s\nwant %s", source, got, want)
		}
	}
	const nested = `local n = 0 local function f() n = n + 1 local ok, e = pcall(f) if not ok then error(e, 0) end end
local _, e = pcall(f) return n, e`
	results, err := b.run(t.Context(), nested, "test.lua")
	if err != nil || results[0] != lua.LNumber(10) || results[1].String() != "test.lua:1: stack overflow" {
		t.Errorf("%v, %v", results, err)
	}
}

// TestCancelEnds makes sure that the end of the context ends a script whatever it runs on, and names the place.
func TestCancelEnds(t *testing.T) {
	reason := errors.New("the role was stopped")
	tests := map[string]string{
		"plain":     "begin()\nwhile true do end",
		"protected": "begin()\nwhile true do pcall(function() while true do end end) end",
		"coroutine made before": `local co = coroutine.create(function() begin() while true do end end)
while true do coroutine.resume(co) end`,
		"pattern": "begin()\nwhile true do pcall(string.find, ('a'):rep(1e5), ('.-'):rep(8) .. 'b') end",
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBox(DefaultLimits())
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			b.env.Declare("begin", b.L.NewFunction(func(*lua.LState) int { cancel(reason); return 0 }))
			_, err := b.run(ctx, source, "test.lua")
			if err == nil {
				t.Fatal("ended without an error")
			}
			message := Describe(err)
			if !placed(message) || !strings.Contains(message, context.Canceled.Error()) && !strings.Contains(message, reason.Error()) {
				t.Errorf("got %s", message)
			}
		})
	}
}

// TestCoroutineTakesContextOfResumer is a coroutine that one event makes and another resumes.
func TestCoroutineTakesContextOfResumer(t *testing.T) {
	b := newBox(DefaultLimits())
	first, cancelFirst := context.WithCancel(t.Context())
	const making = "local shared = ... return coroutine.create(function() coroutine.yield() while true do coroutine.yield(1) end end)"
	made, err := b.run(first, making, "first.lua")
	if err != nil {
		t.Fatal(err)
	}
	cancelFirst()
	b.env.Declare("co", made[0])
	got, err := b.run(t.Context(), "assert(coroutine.resume(co)) return select(2, assert(coroutine.resume(co)))", "second.lua")
	if err != nil || got[0] != lua.LNumber(1) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestCheckpoint makes sure that the hook's error ends what takes long, and that no pcall keeps it.
func TestCheckpoint(t *testing.T) {
	b := newBox(DefaultLimits())
	over := errors.New("out of budget")
	var stop bool
	b.env.hooks.Checkpoint = func(*lua.LState) error {
		if stop {
			return over
		}
		return nil
	}
	b.env.Declare("spend", b.L.NewFunction(func(*lua.LState) int { stop = true; return 0 }))
	for _, source := range []string{
		"spend() while true do pcall(error) end",
		"spend() table.concat(setmetatable({}, {}), '', -2000, 0)",
		"local t = {} for i = 1, 5000 do t[i] = -i end spend() table.sort(t)",
		"local s = ('a'):rep(1e5) spend() return s:find('.-.-.-b')",
		"while true do coroutine.wrap(function() pcall(function() spend() error() end) end)() end",
	} {
		stop = false
		if got := fails(t, b, source); !strings.Contains(got, over.Error()) {
			t.Errorf("%s\ngot %s", source, got)
		}
	}
}

func TestRandomBelongsToTheWorld(t *testing.T) {
	const source = "math.randomseed(7) local a = math.random(1e9) return a, math.random(1e9)"
	first, second := newBox(DefaultLimits()), newBox(DefaultLimits())
	a, err := first.run(t.Context(), source, "test.lua")
	if err != nil {
		t.Fatal(err)
	}
	b, err := second.run(t.Context(), source, "test.lua")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a, b) {
		t.Errorf("the same seed gives %v and %v", a, b)
	}
	seeded := func() *box {
		b := &box{L: lua.NewState(Options())}
		b.env = Open(b.L, DefaultLimits(), Hooks{Now: time.Now, Random: rand.NewPCG(1, 2)})
		return b
	}
	a, _ = seeded().run(t.Context(), "return math.random(1e9)", "test.lua")
	b, _ = seeded().run(t.Context(), "return math.random(1e9)", "test.lua")
	if len(a) != 1 || !slices.Equal(a, b) {
		t.Errorf("the same source gives %v and %v", a, b)
	}
}

// TestClock makes sure that the time is the hook's, in the hook's zone.
func TestClock(t *testing.T) {
	now := time.Date(2024, 2, 29, 23, 5, 6, 0, time.FixedZone("CET", 3600))
	b := &box{L: lua.NewState(Options())}
	b.env = Open(b.L, DefaultLimits(), Hooks{Now: func() time.Time { return now }})
	now = now.Add(1500 * time.Millisecond)
	got, err := b.run(t.Context(), `local d = os.date("*t") return os.clock(), os.time(), os.date("%Y-%m-%d %H:%M:%S %Z"), os.date("!%H"), d.yday,
		os.time(d), os.time { year = 2024, month = 3, day = 1, hour = 0 }, os.date("%x", 0)`, "test.lua")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint([]any{1.5, 1709244307, "2024-02-29 23:05:07 CET", 22, 60, 1709244307, 1709247600, "01/01/70"})
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

func TestSortLeavesTableOnError(t *testing.T) {
	got := eval(t, `local t = { 3, 1, 2 } local n = 0
pcall(table.sort, t, function(a, b) n = n + 1 if n > 2 then error("x") end return a < b end) return table.concat(t, ",")`)
	if got[0] != "3,1,2" {
		t.Errorf("got %s", got[0])
	}
	got = eval(t, `local t = {} for i = 1, 500 do t[i] = i % 17 end table.sort(t, function() return true end) table.sort(t, function() return math.random() < 0.5 end) return #t`)
	if got[0] != "500" {
		t.Errorf("got %s", got[0])
	}
}

// TestPiecesDoNotPinTheirString keeps small pieces of long strings and looks at the memory they take.
func TestPiecesDoNotPinTheirString(t *testing.T) {
	b := newBox(DefaultLimits())
	before := liveBytes()
	results, err := b.run(t.Context(), `local keep = {}
for i = 1, 50 do
  local s = i .. ("x"):rep(1e6)
  keep[#keep + 1] = s:sub(-3)
  keep[#keep + 1] = s:match("%d+")
  keep[#keep + 1] = select(3, s:find("(%d)"))
  for piece in s:gmatch("%d") do keep[#keep + 1] = piece break end
  s:gsub("%d", function(c) keep[#keep + 1] = c end, 1)
  s:gsub("%d", setmetatable({}, { __index = function(_, c) keep[#keep + 1] = c end }), 1)
end
return keep`, "test.lua")
	if err != nil {
		t.Fatal(err)
	}
	if grown := liveBytes() - before; grown > 8<<20 {
		t.Errorf("pieces of a few bytes keep %d MiB", grown>>20)
	}
	runtime.KeepAlive(results)
}

func liveBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestForgottenCoroutinesGo makes many that nobody resumes to their end; neither memory nor the cap minds.
func TestForgottenCoroutinesGo(t *testing.T) {
	lim := DefaultLimits()
	lim.Coroutines = 20
	b := newBox(lim)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.L.SetContext(ctx)
	before := liveBytes()
	if _, err := b.run(ctx, "for i = 1, 2000 do coroutine.wrap(function() coroutine.yield() end)() end", "test.lua"); err != nil {
		t.Fatal(err)
	}
	if grown := liveBytes() - before; grown > 4<<20 {
		t.Errorf("%d MiB are kept", grown>>20)
	}
	if got := fails(t, b, "local t = {} for i = 1, 100 do t[i] = coroutine.create(print) end"); !strings.Contains(got, "too many coroutines") {
		t.Errorf("got %s", got)
	}
}

// TestProtectedCallKeepsThreads makes sure that a world ends with the threads it began with, on any way out.
func TestProtectedCallKeepsThreads(t *testing.T) {
	b := newBox(DefaultLimits())
	const source = `for i = 1, 100 do
  pcall(error, "x") pcall(pcall, error, "x") xpcall(error, error) pcall(coroutine.wrap(function() error("x") end))
  local function deep(n) return n == 0 and error("deep") or pcall(deep, n - 1) end
  deep(50)
  pcall(string.rep, "x", 1e13) pcall(coroutine.yield)
end`
	if _, err := b.run(t.Context(), source, "test.lua"); err != nil {
		t.Fatal(err)
	}
	if len(b.env.frames) != 0 || len(b.env.idle) > maxIdle {
		t.Errorf("%d threads are linked and %d idle", len(b.env.frames), len(b.env.idle))
	}
}

// TestPanicIsContained is a Go function that panics: a script sees an error, and the world goes on.
func TestPanicIsContained(t *testing.T) {
	b := newBox(DefaultLimits())
	b.env.Declare("crash", b.L.NewFunction(func(*lua.LState) int { panic("a bug") }))
	got, err := b.run(t.Context(), `local ok, e = pcall(crash) local x = 1
local ok2, e2 = pcall(function() x = 2 crash() end)
local ok3, e3 = coroutine.resume(coroutine.create(crash))
return ok, e, ok2, x, ok3, e3, select("#", pcall(function() return 1, 2 end))`, "test.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{1, 5} {
		if !strings.Contains(got[i].String(), "a bug") {
			t.Errorf("result %d is %s", i, got[i])
		}
	}
	if got[0] != lua.LFalse || got[2] != lua.LFalse || got[3] != lua.LNumber(2) || got[4] != lua.LFalse || got[6] != lua.LNumber(3) {
		t.Errorf("got %v", got)
	}
	if got := fails(t, b, "\ncrash()"); !strings.HasPrefix(got, "test.lua:2: internal error") {
		t.Errorf("got %s", got)
	}
}

func TestDescribe(t *testing.T) {
	b := newBox(DefaultLimits())
	for source, want := range map[string]string{
		"error('x')":          "test.lua:2: x",
		"error('x', 0)":       "test.lua:2: x",
		"error({})":           "test.lua:2: error object is a table",
		"error()":             "test.lua:2: error object is a nil",
		"error(5)":            "test.lua:2: 5",
		"assert(false)":       "test.lua:2: assertion failed!",
		"assert(nil, 'a: b')": "test.lua:2: a: b",
		"coroutine.wrap(function() error({}) end)()": "test.lua:2: error object is a table",
		"local function f() f() end f()":             "test.lua:2: stack overflow",
	} {
		if got := fails(t, b, "\n"+source); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", source, got, want)
		}
	}
	if got := Describe(errors.New("other")); got != "other" {
		t.Errorf("got %s", got)
	}
}

func TestFormatNumber(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0", 1: "1", -1: "-1", 1.5: "1.5", 1e15: "1000000000000000", 1 << 53: "9007199254740992", 1 << 60: "1.1529215046068e+18",
		0.1: "0.1", 1e100: "1e+100", 123.456789012345678: "123.45678901235", -1e-10: "-1e-10",
	} {
		if got := FormatNumber(lua.LNumber(n)); got != want {
			t.Errorf("FormatNumber(%v) = %s, want %s", n, got, want)
		}
	}
}
