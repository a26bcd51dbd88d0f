package main_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// goodRole is a sound file that bombs are laid into and that is cut.
const goodRole = `ROLE_NAME = "offender"
ROLE_CONTEXTS = { "system" }
local Role = {}
function Role:register_events(events)
  events:on("poke", function(ev)
%s
    log.info("came to its end")
  end)
end
return Role
`

func many(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

// parserBombs are files that overwhelm a parser or a compiler, or are no Lua at all. They are too long, or not text
// enough, to write down.
func parserBombs() (all []*offence) {
	rep := strings.Repeat
	good := fmt.Sprintf(goodRole, "")
	within := func(body string) string { return fmt.Sprintf(goodRole, body) }
	for _, b := range []struct{ name, want, text string }{
		{"two_million_braces", "refused larger than", rep("{", 2_000_000)},
		{"braces", "refused", rep("{", 200_000)},
		{"braces_in_a_handler", "refused", within("return " + rep("{", 100_000) + rep("}", 100_000))},
		{"parentheses", "refused", within("return " + rep("(", 100_000) + "1" + rep(")", 100_000))},
		{"brackets", "refused", within("x" + rep("[x", 80_000) + rep("]", 80_000) + " = 1")},
		{"functions", "refused", rep("function() ", 20_000)},
		{"functions_nested", "refused", within(rep("local function f() ", 5_000) + rep("end ", 5_000))},
		{"ifs", "refused", within(rep("if x then ", 10_000) + rep("end ", 10_000))},
		{"repeats", "refused", rep("repeat ", 30_000)},
		{"nots", "refused", within("return " + rep("not ", 60_000) + "ev")},
		{"minuses", "refused", within("return " + rep("- ", 100_000) + "1")},
		{"powers", "refused", within("return 1" + rep("^1", 100_000))},
		{"concats", "refused", within("return 'x'" + rep("..'x'", 40_000))},
		{"calls", "refused", within("ev" + rep("()", 100_000))},
		{"locals", "refused", within(many(1_000, func(i int) string { return fmt.Sprintf("local a%d ", i) }))},
		{"upvalues", "refused", "local a0" + many(150, func(i int) string { return fmt.Sprintf(", a%d", i) }) + "\n" +
			within("return a0"+many(150, func(i int) string { return fmt.Sprintf(" + a%d", i) }))},
		{"constants", "refused", within("return {" + many(20_000, func(i int) string { return fmt.Sprintf("%d,", i) }) + "}")},
		{"gotos", "refused", within(many(3_000, func(i int) string { return fmt.Sprintf("goto l%d ::l%d:: ", i, i) }))},
		{"goto_nowhere", "refused", within("goto nowhere")},
		{"break_nowhere", "refused", within("break")},
		{"long_line", "serves", within("local s = '" + rep("x", 250_000) + "'")},
		{"long_name", "serves", within("local " + rep("a", 200_000) + " = 1")},
		{"long_comment", "serves", within("--[==[" + rep("]=", 100_000) + "]==]")},
		{"long_bracket_open", "refused", within("return [" + rep("=", 200_000) + "[")},
		{"long_number", "refused or serves", within("local n = " + rep("9", 200_000))},
		{"at_the_limit", "serves", good + rep("-", 256<<10-len(good)-100)},
		{"over_the_limit", "refused larger than", good + rep("-", 256<<10-len(good)+1)},
		{"semicolons", "refused", within(rep(";", 200_000))},
		{"zero", "refused", within("return '\x00'")},
		{"zeros", "refused", rep("\x00", 1000)},
		{"byte_order_mark", "serves or refused", "\xef\xbb\xbf" + good},
		{"not_utf8", "refused", within("return '\xff'")},
		{"latin1_comment", "refused", "-- gr\xfc\xdfe\n" + good},
		{"utf16", "refused", "\xff\xfe" + strings.Join(strings.Split(good, ""), "\x00")},
		{"bidi", "serves", within("local s = '\u202e\u2066'")},
		{"carriage_returns", "serves or refused", strings.ReplaceAll(good, "\n", "\r")},
		{"dos_lines", "serves", strings.ReplaceAll(good, "\n", "\r\n")},
		{"bytecode", "refused", "\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00"},
		{"program", "refused", "\x7fELF\x02\x01\x01\x00" + rep("\x00", 500)},
		{"empty", "refused", ""},
		{"only_a_comment", "refused", "-- soon\n"},
		{"only_blanks", "refused", rep(" \n", 50_000)},
		{"python", "refused", "#!/usr/bin/env python3\nimport os\n\ndef main():\n    os.system('id')\n"},
		{"json", "refused", `{"role": "offender", "contexts": ["system"]}`},
		{"html", "refused", "<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n"},
		{"merge", "refused", strings.Replace(good, "local Role", "<<<<<<< HEAD\nlocal Role = {}\n=======\nlocal Role", 1)},
		{"diff", "refused", "--- a/role.lua\n+++ b/role.lua\n@@ -1,3 +1,3 @@\n-ROLE_NAME = 'a'\n+ROLE_NAME = 'b'\n"},
		{"open_string", "refused", within(`return "abc`)},
		{"open_comment", "refused", within("--[[ abc")},
		{"smart_quotes", "refused", within("return “abc”")},
		{"lua54_integer_division", "refused", within("return 7 // 2")},
		{"lua54_attribute", "refused", within("local x <const> = 1")},
		{"assignment_in_condition", "refused", within("if ev = nil then end")},
		{"statement_without_effect", "refused", within("ev.text")},
		{"return_before_the_end", "refused", "return {}\n" + good},
	} {
		all = append(all, &offence{kind: "parser", name: b.name, want: b.want, text: b.text, whole: true})
	}
	return all
}

// cuts are a shipped example, cut behind each line and in the middle of each: what an editor or a copy leaves that did
// not come to its end.
func cuts(t *testing.T) (all []*offence) {
	t.Helper()
	text, err := os.ReadFile("../examples/roles/hello.lua")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimRight(string(text), "\n"), "\n")
	for i := 1; i < len(lines); i++ {
		all = append(all, cut(fmt.Sprintf("behind_line_%02d", i), strings.Join(lines[:i], "")))
		if l := lines[i]; len(strings.TrimSpace(l)) > 1 {
			all = append(all, cut(fmt.Sprintf("in_line_%02d", i+1), strings.Join(lines[:i], "")+l[:len(l)/2]))
		}
	}
	return all
}

func cut(name, text string) *offence {
	return &offence{kind: "cut", name: name, want: "refused", text: strings.ReplaceAll(text, `"hello"`, `"offender"`), whole: true}
}
