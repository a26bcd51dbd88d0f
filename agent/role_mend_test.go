package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// told is a line of role watch --json.
type told struct {
	File     string
	OK, Gone bool
	Name     string
	Ms       float64
	Added    []string `json:"grants_added"`
	Dropped  []string `json:"grants_dropped"`
	Problems []wrong
	Tests    []struct {
		Name    string
		OK      bool
		Problem *wrong
		Printed []string
	}
}

type wrong struct {
	File               string
	Line               int
	Text, Source, Mend string
}

// faults are all that was found wrong.
func (a told) faults() (all []wrong) {
	all = append(all, a.Problems...)
	for _, t := range a.Tests {
		if t.Problem != nil {
			all = append(all, *t.Problem)
		}
	}
	return all
}

// answers reads what role watch --json printed.
func answers(t *testing.T, out string) (all []told) {
	t.Helper()
	for line := range strings.Lines(out) {
		var a told
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, a)
	}
	return all
}

// write writes files into a folder.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const mendHead = "ROLE_NAME = \"x\"\nROLE_CONTEXTS = { \"system\" }\nROLE_GRANTS = { \"engine\", \"process\" }\nlocal Role = {}\n"

// handling is a role whose handler's body stands on line 7.
func handling(body string) string {
	return mendHead + "function Role:register_events(events)\n  events:on(\"go\", function(ev)\n" + body + "\n  end)\nend\nreturn Role\n"
}

func TestEachMendIsMet(t *testing.T) {
	deliver := "function test_x(t)\n  t.deliver(\"go\", {})\nend\n"
	for _, tc := range []struct {
		role, test string
		file       string
		line       int
		source     string
		mend       string
	}{
		{"ROLE_CONTEXTS = { \"system\" }\nlocal Role = {}\nreturn Role\n", deliver, "role_x.lua", 1, "ROLE_CONTEXTS = { \"system\" }", `begin the file with ROLE_NAME = "my_role"`},
		{"ROLE_NAME = \"x\"\nlocal Role = {}\nreturn Role\n", deliver, "role_x.lua", 1, `ROLE_NAME = "x"`, `ROLE_CONTEXTS = { "system" } below`},
		{mendHead, deliver, "role_x.lua", 4, "local Role = {}", "end the file with the line"},
		{handling(`fs.read("/x")`), deliver, "role_x.lua", 7, `fs.read("/x")`, `ROLE_GRANTS = { ..., "fs" }`},
		{strings.Replace(handling(""), `"process"`, `"proces"`, 1), deliver, "", 0, "", "borealis-agent docs lists"},
		{strings.Replace(handling(""), "local Role", `local word = require("lib.word") local Role`, 1), deliver, "", 0, "", "lib/word.lua"},
		{handling("count = 1"), deliver, "role_x.lua", 7, "count = 1", "write local before"},
		{handling("print(cuont)"), deliver, "role_x.lua", 7, "print(cuont)", "declare cuont with local"},
		{mendHead + "process.run({ \"true\" })\nreturn Role\n", deliver, "role_x.lua", 5, `process.run({ "true" })`, "timer.after(0"},
		{handling(`process.run({ "true" })`), deliver, "role_x.lua", 7, `process.run({ "true" })`, `t.stub("process.run"`},
		{mendHead + "local kept\nfunction Role:register_events(events) kept = events end\nfunction Role:later() kept:on(\"x\", print) end\n" +
			"function Role:on_config() end\nfunction Role:stop_all() end\nRole.new = nil\n" +
			"function Role:register_events(events) kept = events events:on(\"go\", function() self:later() end) end\nreturn Role\n", deliver, "role_x.lua", 7, "", "subscribe in Role:register_events"},
		{handling("local h = timer.every(5, print) h.cancel()"), deliver, "role_x.lua", 7, "local h = timer.every(5, print) h.cancel()", "thing:method"},
		{handling("return ev.a.b"), deliver, "role_x.lua", 7, "return ev.a.b", "what stands before the dot is nil"},
		{handling("ev.a()"), deliver, "role_x.lua", 7, "ev.a()", "borealis-agent docs MODULE"},
		{handling(`return "a" .. ev.a`), deliver, "role_x.lua", 7, `return "a" .. ev.a`, "tostring(x)"},
		{handling(`engine.emit("a", {})`), "function test_x(t)\n  t.deliver(\"go\", {})\n  t.equal(#t.sent(), 2)\nend\n", "role_x_test.lua", 3, "  t.equal(#t.sent(), 2)", "mend the role; or the test"},
		{handling("if ev then"), deliver, "role_x.lua", 8, "  end)", "a missing end"},
		{handling("while true do end"), deliver, "role_x.lua", 7, "while true do end", "a loop that does not end"},
		{handling(""), "local x = 1\n", "role_x_test.lua", 1, "local x = 1", "write function test_something(t)"},
	} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"role_x.lua": tc.role, "role_x_test.lua": tc.test})
		s := command(t, "role", "watch", "--once", "--json", dir)
		all := answers(t, s.out)
		if len(all) != 1 || s.status != 1 {
			t.Fatalf("%+v", s)
		}
		found := slices.ContainsFunc(all[0].faults(), func(f wrong) bool {
			return strings.Contains(f.Mend, tc.mend) && (tc.file == "" || f.File == filepath.Join(dir, tc.file) && f.Line == tc.line && (tc.source == "" || f.Source == tc.source))
		})
		if !found || all[0].OK {
			t.Errorf("%s\nwant %s:%d %q, mend %q\ngot  %+v", tc.role, tc.file, tc.line, tc.source, tc.mend, all[0].faults())
		}
	}
}
