package all

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// gadget is a binding with one of everything that a face can say. Its face is in order.
const gadgetFace = `---@meta

--- Things that turn.
---
--- ~~~lua
--- local wheel = gadget.turn("left", 2)
--- ~~~
---@class gadgetlib
gadget = {}

--- Nothing.
---@class gadget.Nil
gadget.null = {}

---@alias gadget.Way "left"|"right"

---@class gadget.Part
---@field weight number How heavy it is.

---@class gadget.Found: gadget.Part
---@field names string[] All names.
---@field sizes table<string, integer> Bytes.
---@field next? gadget.Found One more.

---@class gadget.Options
---@field speed? number Seconds for a turn. Default 1.5.
---@field name? string What it is called. Default "top".
---@field loud? boolean With noise. Default false.
---@field raw? string Bytes.

---@class gadget.Key
---@field key string It must be there.

---@class gadget.Wheel
local Wheel = {}

--- Turns.
---
--- More on it.
---@async
---@param way gadget.Way Which way.
---@param count? integer How often.
---@param opts? gadget.Options
---@param done fun(ok: boolean): string, number What to do then.
---@return gadget.Wheel? wheel
---@return string? message
---@return string? code
function gadget.turn(way, count, opts, done) end

--- Finds.
---@param what string|number What.
---@param opts gadget.Key
---@return gadget.Found[]? found
---@return string? message
---@return string? code
function gadget.find(what, opts) end

--- Stops.
---@return true stopped
function gadget.stop() end

--- Looks.
---@param other gadget.Wheel Another.
---@return gadget.Part? part
---@return string? message
---@return string? code
function Wheel:look(other) end

--- Lets go.
---@async
---@return true closed
function Wheel:close() end
`

type (
	wheel      struct{}
	gadgetPart struct {
		Weight float64 `lua:"weight"`
	}
	gadgetFound struct {
		gadgetPart
		Names []string         `lua:"names"`
		Sizes map[string]int64 `lua:"sizes"`
		Next  *gadgetFound     `lua:"next"`
	}
	gadgetOptions struct {
		Speed time.Duration `lua:"speed" default:"1.5"`
		Name  string        `lua:"name" default:"top"`
		Loud  bool          `lua:"loud" default:"false"`
		Raw   []byte        `lua:"raw"`
	}
	gadgetKey struct {
		Key string `lua:"key"`
	}
)

func turn(context.Context, string, *int, gadgetOptions, bindings.Callback) (bindings.Handle, error) {
	return bindings.Handle{}, nil
}

func find(context.Context, any, gadgetKey) ([]gadgetFound, error) { return nil, nil }

// gadget gives the binding with its face, its functions and its methods changed.
func gadget(face string, funcs, methods map[string]bindings.Func) []string {
	all := map[string]bindings.Func{
		"turn": {Waits: true, Do: turn}, "find": {Do: find}, "stop": {Do: func(context.Context) error { return nil }},
	}
	of := map[string]bindings.Func{
		"look": {Do: func(context.Context, *wheel, *wheel) (*gadgetPart, error) { return nil, nil }},
	}
	change(all, funcs)
	change(of, methods)
	b := bindings.Binding{Name: "gadget", Face: fenced(face), Handles: []bindings.HandleType{{Name: "gadget.Wheel", Methods: of}}}
	return complaints(b, &bindings.Instance{Funcs: all, Values: map[string]any{"null": bindings.Null{}}})
}

func change(all, by map[string]bindings.Func) {
	for name, f := range by {
		if all[name] = f; f.Do == nil {
			delete(all, name)
		}
	}
}

func fenced(face string) string { return strings.ReplaceAll(face, "~~~", "```") }

func TestAFaceInOrder(t *testing.T) {
	for _, complaint := range gadget(gadgetFace, nil, nil) {
		t.Error(complaint)
	}
}

// breakage is one change of the face, made alone, and the complaint that has to come of it.
type breakage struct{ old, new, want string }

func breakFace(t *testing.T, all []breakage) {
	t.Helper()
	for _, c := range all {
		if n := strings.Count(gadgetFace, c.old); n != 1 {
			t.Errorf("%q is %d times in the face", c.old, n)
			continue
		}
		got := gadget(strings.Replace(gadgetFace, c.old, c.new, 1), nil, nil)
		if !strings.Contains("\n"+strings.Join(got, "\n"), "\ngadget.lua:"+c.want) {
			t.Errorf("%q for %q:\n  want %s\n  got  %s", c.new, c.old, c.want, strings.Join(got, "\n       "))
		}
	}
}

// TestAFaceThatIsNone breaks what a face is made of.
func TestAFaceThatIsNone(t *testing.T) {
	breakFace(t, []breakage{
		{"---@meta\n", "", "1: a face begins with ---@meta"},
		{"gadget = {}\n", "gadget = { 1 }\n", "9: a face holds NAME = {}"},
		{"gadget = {}\n", "gadget = {}\nprint(1)\n", "10: a face holds NAME = {}"},
		{"gadget = {}\n", "gadget = {\n", "0: gadget.lua line:"},
		{"gadget = {}\n", "gizmo = {}\n", `1: the module is called "gadget", its face declares ["gizmo"]`},
		{"gadget = {}\n", "gadget = {}\ngizmo = {}\n", `1: the module is called "gadget", its face declares ["gadget" "gizmo"]`},
		{"---@class gadgetlib", "---@class gadget", "3: above gadget = {} stands no ---@class gadgetlib"},
		{"function gadget.stop() end", "function gadget.stop() return 1 end", "60: stop has a body"},
		{"function gadget.stop()", "function gizmo.stop()", "60: a function that is neither the module's nor a class's"},
		{"function gadget.stop()", "function stop()", "60: a function that is neither the module's nor a class's"},
		{"function gadget.stop()", "function gadget.find()", "60: find is declared twice"},
		{"function gadget.stop()", "function Cog:stop()", "60: Cog:stop: no ---@class above a local table Cog"},
		{"gadget.null = {}", "gizmo.null = {}", "13: gizmo.null is not the module's"},
		{"gadget.null = {}", "gadget.none = {}", "1: the constant null is in Go, but not in the face"},
		{"gadget.null = {}", "gadget.none = {}", "1: the constant none is in the face, but not in Go"},
		{"---@class gadget.Wheel\n", "", "34: a face holds NAME = {}"},
		{"local Wheel = {}", "local Wheel = {}, 1", "35: a face holds NAME = {}"},
	})
}

// TestBrokenComments breaks what comments have to be.
func TestBrokenComments(t *testing.T) {
	breakFace(t, []breakage{
		{"--- Things that turn.\n---\n", "", "3: the module has no summary"},
		{"--- Things that turn.", "--- Things that turn", "3: the module has no summary"},
		{"--- ~~~lua\n--- local wheel = gadget.turn(\"left\", 2)\n--- ~~~\n", "", "3: the module has no example"},
		{"gadget.turn(\"left\", 2)\n--- ~~~", "gadget.turn(\"left\", 2\n--- ~~~", "6: the example is no Lua"},
		{"2)\n--- ~~~\n", "2)\n", "5: the example has no end"},
		{"--- ~~~lua", "--- ~~~", "5: an example that is not marked as"},
		{"--- Stops.\n", "", "59: stop has no summary"},
		{"--- Turns.\n---\n", "--- Turns.\n", "47: turn has no summary"},
		{"--- Turns.", "--- Turns", "48: turn has no summary"},
		{"--- Turns.", "---Turns.", "37: ---Turns.: a space is missing"},
		{"--- Stops.", "--- Stops.\t", "58: a tab"},
		{"function gadget.stop() end", "--- Too late.\nfunction gadget.stop() end", "60: prose below the tags"},
		{"---@return true stopped", "---@returns true stopped", "59: unknown tag ---@returns; known: meta,"},
	})
}

// TestBrokenFunctions breaks the list of functions, and which of them wait.
func TestBrokenFunctions(t *testing.T) {
	breakFace(t, []breakage{
		{"function gadget.stop()", "function gadget.halt()", "1: the function stop is in Go, but not in the face"},
		{"function gadget.stop()", "function gadget.halt()", "1: the function halt is in the face, but not in Go"},
		{"function Wheel:look(", "function Wheel:see(", "1: the function gadget.Wheel:look is in Go, but not in the face"},
		{"function Wheel:look(", "function Wheel:see(", "1: the function gadget.Wheel:see is in the face, but not in Go"},
		{"function Wheel:close()", "function Wheel:look2()", "1: the function gadget.Wheel:close is in Go, but not in the face"},
		{"function gadget.stop()", "function gadget.Stop()", "60: Stop is not in snake_case"},
		{"---@class gadget.Wheel\nlocal Wheel = {}", "---@class gadget.Cog\nlocal Wheel = {}", "1: no local table has the class gadget.Wheel"},
		{"---@class gadget.Wheel\nlocal Wheel = {}", "---@class gadget.Cog\nlocal Wheel = {}", "67: gadget.Cog:look is a method of what is no handle"},
		{"---@async\n---@param way", "---@param way", "47: turn: ---@async is false, Waits is true"},
		{"---@return true stopped", "---@async\n---@return true stopped", "61: stop: ---@async is true, Waits is false"},
		{"---@async\n---@return true closed", "---@return true closed", "71: gadget.Wheel:close: ---@async is false, Waits is true"},
	})
}

// TestBrokenParameters breaks what functions take.
func TestBrokenParameters(t *testing.T) {
	breakFace(t, []breakage{
		{"---@param count? integer How often.\n", "", "47: turn(way, count, opts, done) has ---@param for (way, opts, done)"},
		{"gadget.turn(way, count,", "gadget.turn(count, way,", "48: turn(count, way, opts, done) has ---@param for (way, count, opts, done)"},
		{"gadget.stop()", "gadget.stop(now)", "60: stop(now) has ---@param for ()"},
		{"---@return true stopped\nfunction gadget.stop()", "---@param now string When.\n---@return true stopped\nfunction gadget.stop(now)", "61: stop takes 1 arguments in the face, 0 in Go"},
		{"---@param way gadget.Way", "---@param way integer", "41: turn: way is a integer in the face, a string in Go"},
		{`"left"|"right"`, `"left"|1`, "41: turn: way is a gadget.Way in the face, a string in Go"},
		{"---@param way gadget.Way", "---@param way? gadget.Way", "41: turn: that way may be left out is true in the face, false in Go"},
		{"---@param count? integer", "---@param count integer", "42: turn: that count may be left out is false in the face, true in Go"},
		{"---@param opts? gadget.Options", "---@param opts gadget.Options", "43: turn: that opts may be left out is false in the face, true in Go"},
		{"---@param opts gadget.Key", "---@param opts? gadget.Key", "52: find: that opts may be left out is true in the face, false in Go"},
		{"---@param opts? gadget.Options", "---@param opts? table", "43: turn: opts is a table in the face"},
		{"fun(ok: boolean): string, number", "string", "44: turn: done is a string in the face"},
		{"---@param other gadget.Wheel", "---@param other gadget.Part", "63: gadget.Wheel:look: other is a gadget.Part in the face"},
		{"what string|number What.\n", "What string|number What.\n", "51: find: the parameter What is not in snake_case"},
	})
}

// TestBrokenResults breaks what functions return.
func TestBrokenResults(t *testing.T) {
	breakFace(t, []breakage{
		{"---@return true stopped\n", "", "59: stop has 0 ---@return"},
		{"---@return true stopped", "---@return integer stopped", "59: stop returns a integer in the face, a bool in Go"},
		{"---@return true stopped", "---@return true stopped\n---@return string? message", "61: stop has 2 ---@return"},
		{"---@return gadget.Wheel? wheel", "---@return gadget.Wheel wheel", "45: turn can fail, so its result is gadget.Wheel?"},
		{"---@return gadget.Wheel? wheel", "---@return gadget.Part? wheel", "45: turn returns a gadget.Part in the face"},
		{"---@return string? message\n---@return string? code\nfunction gadget.turn", "function gadget.turn", "46: turn can fail, but has one ---@return"},
		{"---@return string? message\n---@return string? code\nfunction Wheel:look", "function Wheel:look", "65: gadget.Wheel:look can fail, but has one ---@return"},
		{"---@return string? message\n---@return string? code\nfunction gadget.find", "---@return string message\n---@return string? code\nfunction gadget.find", "54: find: ---@return string? message expected"},
		{"---@return string? code\nfunction gadget.find", "---@return integer? code\nfunction gadget.find", "55: find: ---@return string? code expected"},
		{"---@return gadget.Found[]? found", "---@return gadget.Found? found", "53: find returns a gadget.Found in the face"},
	})
}

// TestBrokenClasses breaks options and results.
func TestBrokenClasses(t *testing.T) {
	breakFace(t, []breakage{
		{"---@field raw? string Bytes.\n", "", "25: in gadget.Options the field raw is in Go, but not in the face"},
		{"---@field raw? string Bytes.\n", "---@field raw? string Bytes.\n---@field rare? string Bytes.\n", "25: in gadget.Options the field rare is in the face, but not in Go"},
		{"---@field weight number How heavy it is.\n", "", "17: in gadget.Part the field weight is in Go, but not in the face"},
		{"---@class gadget.Found: gadget.Part", "---@class gadget.Found", "20: in gadget.Found the field weight is in Go, but not in the face"},
		{"---@field raw? string", "---@field raw? number", "29: gadget.Options.raw is a number in the face"},
		{"string[] All", "integer[] All", "21: gadget.Found.names is a integer[] in the face"},
		{"table<string, integer>", "table<string, string>", "22: gadget.Found.sizes is a table<string, string> in the face"},
		{"---@field next? gadget.Found", "---@field next gadget.Found", "23: gadget.Found.next: that it may be missing is false in the face, true in Go"},
		{"---@field names string[]", "---@field names? string[]", "21: gadget.Found.names: that it may be missing is true in the face, false in Go"},
		{"Default 1.5.", "Default 2.", `26: gadget.Options.speed: the face states the default "2", the tag "1.5"`},
		{" Default 1.5.", "", `26: gadget.Options.speed: the face states the default "", the tag "1.5"`},
		{"Default false.", "Default false", `28: gadget.Options.loud: the face states the default "(a text that does not end in a full stop)"`},
		{"raw? string Bytes.", "raw? string Bytes. Default none.", `29: gadget.Options.raw: the face states the default "none", the tag ""`},
		{"---@field speed? number", "---@field speed number", "26: gadget.Options.speed has a default, so it is speed? in the face"},
		{"---@class gadget.Key", "---@class gadget.Key\n---@field Key string", "32: gadget.Key.Key is not in snake_case"},
		{"---@class gadget.Key", "---@class gadget.Spare\n\n---@class gadget.Key", "31: nothing in Go is a gadget.Spare"},
		{"---@class gadget.Key\n", "---@class gadget.Key\n\n---@class gadget.Key\n", "33: the class gadget.Key is declared twice"},
		{"---@alias gadget.Way", "---@field lost string\n---@alias gadget.Way", "15: the field lost belongs to no class"},
	})
}

// TestABrokenBinding breaks one thing of the Go at a time.
func TestABrokenBinding(t *testing.T) {
	type badDefault struct {
		Speed time.Duration `lua:"speed" default:"fast"`
		Name  string        `lua:"name" default:"7"`
		Loud  bool          `lua:"loud" default:"1"`
		Raw   []byte        `lua:"raw"`
	}
	type fn = map[string]bindings.Func
	for _, c := range []struct {
		name           string
		funcs, methods fn
		want           string
	}{
		{"one more function", fn{"halt": {Do: turn}}, nil, "the function halt is in Go, but not in the face"},
		{"one less", fn{"stop": {}}, nil, "the function stop is in the face, but not in Go"},
		{"one less method", nil, fn{"look": {}}, "the function gadget.Wheel:look is in the face, but not in Go"},
		{"a close of its own", nil, fn{"close": {Do: func(context.Context, *wheel) error { return nil }}}, "gadget.Wheel has a close of its own"},
		{"no function at all", fn{"stop": {Do: "stop"}}, nil, "stop: string does not begin with a context"},
		{"no context", fn{"stop": {Do: func() error { return nil }}}, nil, "stop: func() error does not begin with a context"},
		{"no error", fn{"stop": {Do: func(context.Context) bool { return true }}}, nil, "stop: func(context.Context) bool does not return an error"},
		{"two results", fn{"stop": {Do: func(context.Context) (int, int, error) { return 0, 0, nil }}}, nil, "does not return an error, or a result and an error"},
		{"three arguments", fn{"stop": {Do: func(_ context.Context, a, b, c int) error { return nil }}}, nil, "at most two arguments"},
		{"options first", fn{"stop": {Do: func(context.Context, gadgetOptions, int) error { return nil }}}, nil, "then one options table"},
		{"options twice", fn{"stop": {Do: func(context.Context, gadgetOptions, gadgetKey) error { return nil }}}, nil, "then one options table"},
		{"a function before options", fn{"stop": {Do: func(context.Context, bindings.Callback, gadgetKey) error { return nil }}}, nil, "then a function"},
		{"what Lua has no number for", fn{"stop": {Do: func(context.Context) (complex128, error) { return 0, nil }}}, nil, "stop returns a true in the face, a complex128 in Go"},
		{"defaults that are none", fn{"turn": {Waits: true, Do: func(context.Context, string, *int, badDefault, bindings.Callback) (bindings.Handle, error) {
			return bindings.Handle{}, nil
		}}}, nil, `gadget.Options.speed: the default "fast" is no time.Duration`},
		{"a default that looks like a number", fn{"turn": {Waits: true, Do: func(context.Context, string, *int, badDefault, bindings.Callback) (bindings.Handle, error) {
			return bindings.Handle{}, nil
		}}}, nil, `gadget.Options.name: the default "7" is no string`},
		{"a default that looks like a number too", fn{"turn": {Waits: true, Do: func(context.Context, string, *int, badDefault, bindings.Callback) (bindings.Handle, error) {
			return bindings.Handle{}, nil
		}}}, nil, `gadget.Options.loud: the default "1" is no bool`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(gadget(gadgetFace, c.funcs, c.methods), "\n")
			if !strings.Contains(got, c.want) {
				t.Errorf("want %s\ngot  %s", c.want, got)
			}
		})
	}
}
