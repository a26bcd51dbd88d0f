package sandbox

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestSyntaxErrors(t *testing.T) {
	tests := []struct {
		name, source string
		line         int
		message      string
	}{
		{"unclosed function", "local x = 1\nfunction f()\n  return 1\n", 4, `the file ends, but "function" of line 2 is not closed`},
		{"unclosed table", "return {\n  1,\n", 3, `the file ends, but "{" of line 1 is not closed`},
		{"unclosed string", "local a = 1\nlocal s = \"abc\nlocal b", 2, "does not end on its line"},
		{"unclosed long string", "\n\nlocal s = [[\nabc\n", 3, "a long string begins here and does not end"},
		{"unclosed comment", "--[==[ x ]]\n", 1, "a long comment begins here and does not end"},
		{"no expression", "local x =\n", 2, "the file ends within a statement"},
		{"unexpected word", "local x = 1\n\nend\n", 3, `near "end"`},
		{"unexpected character", "local x = 1\nx = x ! 2", 2, "unexpected '!'"},
		{"unexpected letter", "local naïve = 1", 1, "unexpected 'ï'"},
		{"malformed number", "\nreturn 3x", 2, `malformed number near "3x"`},
		{"two dots", "return 3..4", 1, "malformed number"},
		{"not utf-8", "local x\nlocal y = '\xff'", 2, "not UTF-8"},
		{"zero byte", "x\n\n\x00", 3, "zero byte"},
		{"break outside", "local x\nbreak\n", 2, "no loop to break"},
		{"vararg outside", "local function f()\n  return ...\nend", 2, "cannot use '...'"},
		{"goto nowhere", "goto x", 1, "no visible label 'x'"},
		{"line ends of all kinds", "a = 1\r\nb = 2\rc = 3\n\re = !", 4, "unexpected '!'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chunk, err := Parse([]byte(tt.source), "role_x.lua", DefaultLimits())
			if err == nil {
				_, err = chunk.Compile()
			}
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("error is %v", err)
			}
			if syntax.File != "role_x.lua" || syntax.Line != tt.line || !strings.Contains(syntax.Message, tt.message) {
				t.Errorf("%v\nwant line %d, %s", syntax, tt.line, tt.message)
			}
			if want := fmt.Sprintf("role_x.lua:%d: ", tt.line); !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%q does not begin with %q", err, want)
			}
		})
	}
}

// TestScannerTakesWhatIsThere makes sure that brackets in strings and comments do not count, and long files pass.
func TestScannerTakesWhatIsThere(t *testing.T) {
	many := strings.Repeat("{(['\\\"", 2_000)
	sources := []string{
		"",
		"\ufeffreturn 1",
		"-- " + many,
		"--[[ " + many + " ]] return 1",
		"return [==[" + many + "]==]",
		`return "` + strings.Repeat("{", 5_000) + `"`,
		strings.Repeat("do local x = {} end ", 5_000),
		strings.Repeat("local function f() return (x) end ", 190),
		"local x = 1 " + strings.Repeat("x = -x x = not x x = 2 ^ x .. 'y' ", 4_000),
		"return " + strings.TrimSuffix(strings.Repeat("'x' .. ", 190), ".. "),
		"return {" + strings.Repeat("{1, -2, 'x', a = {}}, ", 2_000) + "}",
	}
	for _, source := range sources {
		chunk, err := Parse([]byte(source), "long.lua", DefaultLimits())
		if err != nil {
			t.Errorf("%.40q: %v", source, err)
			continue
		}
		if _, err := chunk.Compile(); err != nil {
			t.Errorf("%.40q: %v", source, err)
		}
	}
}

func TestLiterals(t *testing.T) {
	tests := []struct {
		name, source string
		want         []Literal
	}{
		{"all", "ROLE_NAME = 'x'\nROLE_CONTEXTS = { 'system', \"interactive\" }\n\nROLE_GRANTS = {}", []Literal{
			{Name: "ROLE_NAME", Line: 1, IsString: true, String: "x"},
			{Name: "ROLE_CONTEXTS", Line: 2, List: []string{"system", "interactive"}},
			{Name: "ROLE_GRANTS", Line: 4, List: []string{}},
		}},
		{"together", "ROLE_NAME, ROLE_GRANTS = [[x]], { 'a' }", []Literal{
			{Name: "ROLE_NAME", Line: 1, IsString: true, String: "x"},
			{Name: "ROLE_GRANTS", Line: 1, List: []string{"a"}},
		}},
		{"again", "ROLE_NAME = 'x'\nROLE_NAME = 'y'", []Literal{
			{Name: "ROLE_NAME", Line: 1, IsString: true, String: "x"},
			{Name: "ROLE_NAME", Line: 2, Problem: "ROLE_NAME is assigned again: line 1 does so already"},
		}},
		{"no literal", "ROLE_NAME = 'x' .. 'y'", []Literal{{Name: "ROLE_NAME", Line: 1, Problem: notLiteral("ROLE_NAME")}}},
		{"number", "ROLE_NAME = 5", []Literal{{Name: "ROLE_NAME", Line: 1, Problem: notLiteral("ROLE_NAME")}}},
		{"keyed", "ROLE_GRANTS = { a = 'x' }", []Literal{{Name: "ROLE_GRANTS", Line: 1, Problem: notLiteral("ROLE_GRANTS")}}},
		{"called", "ROLE_GRANTS = { f() }", []Literal{{Name: "ROLE_GRANTS", Line: 1, Problem: notLiteral("ROLE_GRANTS")}}},
		{"from a call", "ROLE_NAME, ROLE_GRANTS = f()", []Literal{
			{Name: "ROLE_NAME", Line: 1, Problem: notLiteral("ROLE_NAME")},
			{Name: "ROLE_GRANTS", Line: 1, Problem: notLiteral("ROLE_GRANTS")},
		}},
		{"misspelt", "\nROLE_GRANT = {}", []Literal{{Name: "ROLE_GRANT", Line: 2, Problem: `ROLE_GRANT is not known: did you mean "ROLE_GRANTS"?`}}},
		{"local", "local ROLE_NAME = 'x'", []Literal{{Name: "ROLE_NAME", Line: 1, Problem: `ROLE_NAME is local: it must be global, without "local"`}}},
		{"function", "function ROLE_NAME() end", []Literal{{Name: "ROLE_NAME", Line: 1, Problem: notLiteral("ROLE_NAME")}}},
		{"within", "if x then\n  ROLE_NAME = 'x'\nend\nlocal function f() ROLE_NAME = 'y' end", []Literal{
			{Name: "ROLE_NAME", Line: 2, Problem: "ROLE_NAME is assigned within a block: it belongs to the top level"},
			{Name: "ROLE_NAME", Line: 4, Problem: "ROLE_NAME is assigned within a block: it belongs to the top level"},
		}},
		{"nothing", "local x = 1 x = 2", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chunk, err := Parse([]byte(tt.source), "role_x.lua", DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			if got := chunk.Literals(); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestReturnsRole(t *testing.T) {
	tests := []struct {
		source string
		line   int
		ok     bool
	}{
		{"local Role = {}\nreturn Role", 2, true},
		{"local Role = {}\nreturn Role;\n-- end\n", 2, true},
		{"local Role = {}\nreturn (Role)", 2, true},
		{"", 1, false},
		{"local Role = {}", 1, false},
		{"local Role = {}\n\nfunction Role:run() return Role end", 3, false},
		{"return Role, 1", 1, false},
		{"return Role()", 1, false},
		{"return Role.x", 1, false},
		{"return role", 1, false},
		{"return", 1, false},
		{"do return Role end", 1, false},
	}
	for _, tt := range tests {
		chunk, err := Parse([]byte(tt.source), "role_x.lua", DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if line, problem := chunk.ReturnsRole(); line != tt.line || (problem == "") != tt.ok {
			t.Errorf("%q: line %d, problem %q", tt.source, line, problem)
		}
	}
}

// TestCutFiles cuts a role's file at each byte: no piece may pass for a whole role.
func TestCutFiles(t *testing.T) {
	const whole = "ROLE_NAME = \"x\"\nlocal Role = {}\nfunction Role:run(job)\n  local t = { 1, [2] = 'x' }\n  if job then return t end\nend\nreturn Role"
	for n := range len(whole) {
		chunk, err := Parse([]byte(whole[:n]), "role_x.lua", DefaultLimits())
		if err != nil {
			continue
		}
		if _, problem := chunk.ReturnsRole(); problem == "" {
			t.Errorf("passes when cut after %d bytes: %q", n, whole[:n])
		}
	}
}

func TestRequires(t *testing.T) {
	const source = `local a = require "lib.a"
local function f() return require("lib.b").x, require('lib.a') end
local c = { require "lib.c", x = f(require "lib.d") .. require "lib.e" }
if require "lib.f" then a = require "lib.g", 1 end
for _ in require "lib.h" do local x = require("lib." .. a) end
x.require "lib.no" require(a) require("lib.no", 2)`
	chunk, err := Parse([]byte(source), "role_x.lua", DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"lib.a", "lib.b", "lib.c", "lib.d", "lib.e", "lib.f", "lib.g", "lib.h"}
	if got := chunk.Requires(); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestCompiledCode looks at what the rewrites promise about the code itself.
func TestCompiledCode(t *testing.T) {
	for i := range uint64(50) {
		chunk, err := Parse([]byte(program(i)), "program.lua", DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		proto, err := chunk.Compile()
		if err != nil {
			t.Fatal(err)
		}
		checkCode(t, proto)
	}
}

func checkCode(t *testing.T, p *lua.FunctionProto) {
	t.Helper()
	for _, inst := range p.Code {
		if op := int(inst >> opShift); op == lua.OP_TAILCALL || op == lua.OP_CONCAT {
			t.Errorf("%s:%d: instruction %d is in the code", p.SourceName, p.LineDefined, op)
		}
	}
	for _, call := range p.DbgCalls {
		if call.Name == "" || call.Name == "?" {
			t.Errorf("%s:%d: a call is named %q", p.SourceName, p.LineDefined, call.Name)
		}
	}
	for _, inner := range p.FunctionPrototypes {
		checkCode(t, inner)
	}
}

// TestCompileTwice makes sure that a chunk gives the same function again, as it is compiled for each world.
func TestCompileTwice(t *testing.T) {
	chunk, err := Parse([]byte(program(3)), "program.lua", DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	first, err := chunk.Compile()
	if err != nil {
		t.Fatal(err)
	}
	second, err := chunk.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(first.Code, second.Code) || !slices.Equal(first.DbgUpvalues, second.DbgUpvalues) {
		t.Error("the second time gives another function")
	}
}

// FuzzParse feeds any bytes to Parse and Compile: they must end in a function or in an error that names file and line.
func FuzzParse(f *testing.F) {
	for _, source := range sourceBombs() {
		f.Add([]byte(source[:min(len(source), 200)]))
	}
	for _, seed := range []string{
		"ROLE_NAME = 'x' local Role = {} return Role", "::a:: goto a", "a, b.c = b, ...", "for a, b in c do break end",
		"return {" + strings.Repeat("1,", 50) + "f()}", "x = 1e5 .. 'y' .. [[z]]", "--[==[ ]==] return 0x1F", "local function f(...) return ... end",
		"function a.b:c(d, ...) local e = -d ^ 2 % #e return self end", "repeat local x = not y until x ~= (nil and 1)",
		"if a then elseif b == c then else while true do break end end", "for i = 1, 10, -1 do t[i], t.x = { [1] = 'y', z = f{} } end",
	} {
		f.Add([]byte(seed))
	}
	lim := DefaultLimits()
	lim.SourceBytes = 16 << 10
	f.Fuzz(func(t *testing.T, src []byte) {
		chunk, err := Parse(src, "fuzz.lua", lim)
		var proto *lua.FunctionProto
		if err == nil {
			chunk.Literals()
			chunk.ReturnsRole()
			chunk.Requires()
			proto, err = chunk.Compile()
		}
		var syntax *SyntaxError
		switch {
		case err == nil:
			checkCode(t, proto)
		case !errors.As(err, &syntax):
			t.Fatalf("%T: %v", err, err)
		case syntax.Line < 1 || syntax.Line > 2+strings.Count(string(src), "\n")+strings.Count(string(src), "\r"):
			t.Fatalf("line %d: %v", syntax.Line, err)
		case strings.Contains(syntax.Message, "failed"):
			t.Fatal(err)
		}
	})
}
