package sandbox

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// writer draws a program: every construct of the language over a few variables, without loops that do not end.
type writer struct {
	*rand.Rand
	b      strings.Builder
	scopes [][]string // names of variables, innermost last
	funcs  []string   // names of functions that may be called
	vararg bool
	method bool // in a method of T, which must not call one
	loops  int
	depth  int
	fresh  int
}

func (w *writer) line(format string, args ...any) {
	w.b.WriteString(strings.Repeat("  ", w.depth))
	fmt.Fprintf(&w.b, format+"\n", args...)
}

func (w *writer) name() string {
	var all []string
	for _, s := range w.scopes {
		all = append(all, s...)
	}
	return all[w.IntN(len(all))]
}

func (w *writer) newName() string {
	if w.IntN(4) == 0 { // shadow
		return w.name()
	}
	w.fresh++
	return fmt.Sprintf("v%d", w.fresh)
}

func (w *writer) declare(names ...string) {
	last := len(w.scopes) - 1
	w.scopes[last] = append(w.scopes[last], names...)
}

func (w *writer) block(body func()) {
	w.scopes = append(w.scopes, []string{})
	funcs := len(w.funcs)
	w.depth++
	body()
	w.depth--
	w.scopes = w.scopes[:len(w.scopes)-1]
	w.funcs = w.funcs[:funcs]
}

func (w *writer) statements(n int) {
	for range 1 + w.IntN(n) {
		w.statement()
	}
}

func (w *writer) exprs(most, depth int) string {
	list := make([]string, w.IntN(most+1))
	for i := range list {
		list[i] = w.expr(depth)
	}
	return strings.Join(list, ", ")
}

func (w *writer) target() string {
	switch w.IntN(5) {
	case 0:
		return fmt.Sprintf("T[%s]", w.number(1))
	case 1:
		return "T." + string(rune('a'+w.IntN(4)))
	case 2:
		return fmt.Sprintf("T[K(%s)]", w.expr(1))
	}
	return w.name()
}

func (w *writer) statement() {
	if w.depth > 6 {
		w.line("p(%s)", w.exprs(3, 1))
		return
	}
	switch kind := w.IntN(16); kind {
	case 0, 1:
		w.locals()
	case 2, 3:
		w.assignment()
	case 4, 5, 6, 7, 8, 12, 13:
		w.control(kind)
	case 9:
		w.methodOf()
	case 10:
		w.function()
	case 11:
		if len(w.funcs) > 0 {
			w.line("%s(%s)", w.funcs[w.IntN(len(w.funcs))], w.exprs(4, 2))
		}
	default:
		w.line("p(%s)", w.exprs(4, 3))
	}
}

func (w *writer) locals() {
	names := []string{w.newName(), w.newName(), w.newName()}[:1+w.IntN(3)]
	values := w.exprs(4, 3)
	if values == "" {
		w.line("local %s", strings.Join(names, ", "))
	} else {
		w.line("local %s = %s", strings.Join(names, ", "), values)
	}
	w.declare(names...)
}

func (w *writer) assignment() {
	targets := []string{w.target(), w.target(), w.target()}[:1+w.IntN(3)]
	for i := range targets { // the order of two assignments to the same place is nobody's business
		for j := range i {
			if targets[i] == targets[j] || strings.Contains(targets[i]+targets[j], "T[") {
				targets = targets[:1]
				break
			}
		}
		if len(targets) == 1 {
			break
		}
	}
	w.line("%s = %s, %s", strings.Join(targets, ", "), w.expr(3), w.expr(2))
}

// control writes a statement that holds others.
func (w *writer) control(kind int) {
	switch kind {
	case 4:
		w.line("if %s then", w.expr(3))
		w.block(func() { w.statements(3) })
		for range w.IntN(2) {
			w.line("elseif %s then", w.expr(2))
			w.block(func() { w.statements(2) })
		}
		if w.IntN(2) == 0 {
			w.line("else")
			w.block(func() { w.statements(3) })
		}
		w.line("end")
	case 5:
		step := []string{"", ", 2", ", -1", ", C(x, y)"}[w.IntN(4)]
		w.loop(fmt.Sprintf("for i%d = %s, %s%s do", w.depth, w.number(1), w.number(1), step), fmt.Sprintf("i%d", w.depth), "end")
	case 6:
		names := []string{"e%d", "e%d, k%d", "e%d, k%d, q%d"}[w.IntN(3)]
		names = strings.ReplaceAll(names, "%d", fmt.Sprint(w.depth))
		list := []string{"ipairs({ %s })", "next, { %s }", "next, { %s }, nil", "upto, C(%s)", "iter(%s)", "upto, iter2(%s)", "upto, 2, (iter2(%s))"}[w.IntN(7)]
		w.loop("for "+names+" in "+fmt.Sprintf(list, w.exprs(4, 2))+" do", fmt.Sprintf("e%d", w.depth), "end")
	case 7:
		w.line("do local n%d = 0", w.depth)
		w.loop(fmt.Sprintf("while n%d < 3 and (%s) do n%d = n%d + 1", w.depth, w.expr(2), w.depth, w.depth), "", "end end")
	case 8:
		w.line("do local n%d = 0", w.depth)
		w.loop(fmt.Sprintf("repeat n%d = n%d + 1", w.depth, w.depth), "", fmt.Sprintf("until n%d > 2 or (%s) end", w.depth, w.expr(2)))
	case 12:
		if w.IntN(2) == 0 {
			w.line("while true do")
			w.loops++
			w.block(func() { w.statements(3) })
			w.loops--
			w.line("  break end")
			return
		}
		if w.loops > 0 && w.IntN(3) == 0 {
			w.line([]string{"if %s then break end", "do local u = %s if u then break end end"}[w.IntN(2)], w.expr(2))
		}
	default:
		w.line("do")
		w.block(func() { w.statements(3) })
		w.line("end")
	}
}

func (w *writer) methodOf() {
	w.line("function T.%s(self, ...)", []string{"m", "c"}[w.IntN(2)])
	vararg, loops := w.vararg, w.loops
	w.vararg, w.loops, w.method = true, 0, true
	w.block(func() { w.declare("self"); w.line("p(self ~= nil, ...)"); w.line("return %s", w.exprs(2, 2)) })
	w.vararg, w.loops, w.method = vararg, loops, false
	w.line("end")
}

func (w *writer) loop(head, variable, tail string) {
	w.line("%s", head)
	w.loops++
	w.block(func() {
		if variable != "" {
			w.declare(variable)
		}
		w.statements(4)
	})
	w.loops--
	w.line("%s", tail)
}

func (w *writer) function() {
	w.fresh++
	name := fmt.Sprintf("f%d", w.fresh)
	params := []string{"a", "b", "c"}[:w.IntN(4)]
	list := strings.Join(params, ", ")
	vararg, loops := w.vararg, w.loops
	if w.vararg, w.loops = w.IntN(2) == 0, 0; w.vararg {
		list = strings.TrimPrefix(list+", ...", ", ")
	}
	w.line("local function %s(%s)", name, list)
	w.block(func() {
		w.declare(params...)
		w.statements(4)
		if values := w.exprs(3, 3); w.IntN(4) > 0 {
			w.line("return %s", values)
		}
	})
	w.line("end")
	w.vararg, w.loops = vararg, loops
	w.funcs = append(w.funcs, name)
}

func (w *writer) number(depth int) string {
	if depth > 0 && w.IntN(4) == 0 {
		return fmt.Sprintf("N(%s)", w.expr(depth-1))
	}
	return fmt.Sprint(w.IntN(9) - 2)
}

func (w *writer) expr(depth int) string {
	if depth <= 0 {
		return []string{"nil", "true", "false", "1", "2.5", `"s"`, `"10"`, w.name(), w.name(), w.name()}[w.IntN(10)]
	}
	a, b := func() string { return w.expr(depth - 1) }, func() string { return w.expr(depth - 2) }
	switch w.IntN(20) {
	case 0, 1:
		return fmt.Sprintf("(%s and %s)", a(), b())
	case 2, 3:
		return fmt.Sprintf("(%s or %s)", a(), b())
	case 4:
		return fmt.Sprintf("%s and %s or %s", a(), b(), b())
	case 5:
		return "not " + a()
	case 6:
		return fmt.Sprintf("%s == %s", a(), b())
	case 7:
		return fmt.Sprintf("(%s ~= %s)", a(), b())
	case 8:
		return fmt.Sprintf("N(%s) %s N(%s)", a(), []string{"<", "<=", ">", ">="}[w.IntN(4)], b())
	case 9, 10: // gopher-lua knows no -0, so nothing is divided by what may be one
		return fmt.Sprintf("%s %s %s", w.number(depth), []string{"+", "-", "*", "/ 4 -", "^ 2 +", "% 5 +"}[w.IntN(6)], w.number(depth-1))
	case 11:
		return fmt.Sprintf("S(%s) .. %d .. S(%s)", a(), w.IntN(9), b())
	case 12:
		return fmt.Sprintf("-(%s)", w.number(depth))
	case 13:
		return fmt.Sprintf("C({ %s }, %s)", w.exprs(3, depth-1), strings.TrimPrefix(w.exprs(2, depth-1)+", 1", ", "))
	case 14:
		return fmt.Sprintf("({ x = %s, %s })[%s]", a(), w.exprs(3, depth-1), w.number(1))
	case 15:
		list := []string{"T.a", "T.b", "T[1]", "T[2]", `("s"):rep(2)`, "T:m(1)", "T.m(2, 3)", "T:m({}, 1)"}
		if w.method {
			list = list[:5]
		}
		return list[w.IntN(len(list))]
	case 16, 17:
		if len(w.funcs) > 0 && !w.method {
			call := fmt.Sprintf("%s(%s)", w.funcs[w.IntN(len(w.funcs))], w.exprs(3, depth-1))
			return []string{call, "(" + call + ")"}[w.IntN(2)]
		}
	case 18:
		if w.vararg {
			return []string{"...", "(...)", `select("#", ...)`}[w.IntN(3)]
		}
	case 19:
		return fmt.Sprintf("(function(q, ...) return %s, q end)(%s)", w.name(), w.exprs(2, depth-1))
	}
	return w.name()
}

// program is one drawn program: a function that gives what it printed, and whether it ended well.
func program(seed uint64) string {
	w := &writer{Rand: rand.New(rand.NewPCG(seed, 51)), scopes: [][]string{{"x", "y", "z"}}}
	w.b.WriteString(`local out, S = {}
function S(v)
  if type(v) == "table" then return "{}" end
  if type(v) == "number" then return ("%.10g"):format(v):gsub("^-?nan$", "nan"):gsub("^-0$", "0") end
  return type(v) == "function" and "f" or tostring(v)
end
S = (function(inner) return function(v) return (inner(v)) end end)(S)
local function N(v) return type(v) == "number" and v == v and v or type(v) == "string" and #v or 1 end
local function upto(n, c) c = (c or 0) + 1 if c <= n then return c, n end end
local function iter(...) return upto, select("#", ...), nil, ... end
local function iter2(...) return select("#", ...), nil, ... end
local function C(...) return select("#", ...) end
local function K(v) return v ~= nil and v == v and v or "k" end
local steps = 0
local function p(...)
  steps = steps + 1
  if steps > 500 then error("enough") end
  local t = { n = select("#", ...), ... }
  for i = 1, t.n do t[i] = S(t[i]) end
  out[#out + 1] = table.concat(t, " ", 1, t.n)
end
local T = { 1, "two", a = true, m = function(self, v) return v, self end }
local x, y, z = 1, "s", nil
local ok = pcall(function(...)
`)
	w.vararg = true
	w.statements(12)
	w.line("p(x, y, z, T.a, T.b, T[1])")
	w.b.WriteString("end, 7, nil, \"v\")\nreturn table.concat(out, \"\\n\") .. \"\\n\" .. tostring(ok)\n")
	return w.b.String()
}

// TestProgramsAgainstReference runs drawn programs here and with the reference implementation.
func TestProgramsAgainstReference(t *testing.T) {
	const programs = 200
	dir := t.TempDir()
	for i := range programs {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(program(uint64(i))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	driver := fmt.Sprintf(`for i = 0, %d do print((dofile(%q .. "/" .. i):gsub("\n", "|"))) end`, programs-1, dir)
	out, err := exec.CommandContext(t.Context(), lua51(t), "-e", driver).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// gopher-lua knows no -0.
	want := strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(out), "-0", "0"), "\n"), "\n")
	whole := 0
	for i := range programs {
		results, err := newBox(DefaultLimits()).run(t.Context(), program(uint64(i)), "program.lua")
		got := fmt.Sprint(err)
		if err == nil {
			got = strings.NewReplacer("\n", "|", "-0", "0").Replace(results[0].String())
		}
		if got != want[i] {
			t.Errorf("program %d\ngot  %s\nwant %s\n%s", i, got, want[i], program(uint64(i)))
		}
		if strings.HasSuffix(want[i], "|true") {
			whole++
		}
	}
	if whole < programs/2 {
		t.Errorf("only %d of %d programs run to their end: the draw proves little", whole, programs)
	}
}
