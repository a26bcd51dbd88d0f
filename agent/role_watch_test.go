package main_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// watched is a role watch that runs.
type watched struct {
	t     testing.TB
	dir   string
	lines *bufio.Scanner
}

// watches starts a role watch over a folder. It is killed when the test is over, since a signal is not one everywhere.
func watches(t testing.TB, dir string) *watched {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "borealis-agent"), "role", "watch", "--json", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	return &watched{t, dir, bufio.NewScanner(out)}
}

// next is the next answer.
func (w *watched) next() (a told) {
	w.t.Helper()
	if !w.lines.Scan() {
		w.t.Fatalf("role watch said no more: %v", w.lines.Err())
	}
	if err := json.Unmarshal(w.lines.Bytes(), &a); err != nil {
		w.t.Fatalf("%v: %s", err, w.lines.Text())
	}
	return a
}

// until is the first answer for which something holds: an editor that writes in steps may be answered in between.
func (w *watched) until(what func(told) bool) told {
	w.t.Helper()
	for {
		if a := w.next(); what(a) {
			return a
		}
	}
}

func TestWatchAnswersEachSave(t *testing.T) {
	dir := t.TempDir()
	test := "function test_x(t) t.deliver(\"go\", {}) t.equal(#t.sent(), 1) end\n"
	write(t, dir, map[string]string{
		"role_x.lua": handling(`engine.emit("a", {})`), "role_x_test.lua": test, "notes.lua": "no role",
	})
	w := watches(t, dir)
	if a := w.next(); !a.OK || a.Name != "x" || len(a.Tests) != 1 || !slices.Equal(a.Added, []string{"engine", "process"}) {
		t.Errorf("at first: %+v", a)
	}

	write(t, dir, map[string]string{"role_x.lua": strings.Replace(handling(`engine.emit("a", {})`), `"process"`, `"fs.read:/etc"`, 1)})
	if a := w.until(func(a told) bool { return a.Added != nil }); !a.OK || !slices.Equal(a.Added, []string{"fs.read:/etc"}) || !slices.Equal(a.Dropped, []string{"process"}) {
		t.Errorf("other grants: %+v", a)
	}

	write(t, dir, map[string]string{"role_x.lua": mendHead})
	if a := w.until(func(a told) bool { return !a.OK && len(a.Problems) > 0 && a.Problems[0].Line == 4 }); a.Name != "" {
		t.Errorf("broken: %+v", a)
	}

	write(t, dir, map[string]string{"lib/word.lua": `return "a"`})
	write(t, dir, map[string]string{"role_x.lua": strings.Replace(handling(`engine.emit(word, {})`), "local Role", `local word = require("lib.word") local Role`, 1)})
	w.until(func(a told) bool { return a.OK && len(a.Tests) == 1 })

	write(t, dir, map[string]string{"lib/word.lua": `return 7`})
	a := w.until(func(a told) bool { return !a.OK && len(a.Tests) == 1 && a.Tests[0].Problem != nil })
	if p := a.Tests[0].Problem; p.File != filepath.Join(dir, "role_x.lua") || p.Line != 7 {
		t.Errorf("a helper that changed: %+v", p)
	}

	for _, name := range []string{"role_x.lua", "role_x_test.lua"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	w.until(func(a told) bool { return a.Gone })
	write(t, dir, map[string]string{"role_y.lua": handling("")})
	if a := w.until(func(a told) bool { return a.OK }); len(a.Tests) != 0 {
		t.Errorf("a role without tests: %+v", a)
	}
}

func TestWatchOnceTellsByItsStatus(t *testing.T) {
	dir := t.TempDir()
	command(t, "role", "watch", "--once", dir).refusedWith(t, "no file role_*.lua")
	write(t, dir, map[string]string{"role_x.lua": handling("print(\"\\27[2J\")"), "role_x_test.lua": "function test_x(t) t.deliver('go', {}) end"})
	out := command(t, "role", "watch", "--once", dir).ok(t)
	if !strings.Contains(out, "ok, 1 test,") || !strings.Contains(out, "+ grant process") || strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
	command(t, "role", "watch", "--once", filepath.Join(dir, "gone")).refusedWith(t, "gone")
}

// A setting that nobody made is nil alone, here as in an agent.
func TestSettingsAreAskedWhileLoading(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"role_x.lua": strings.Replace(handling(""), "local Role", `local n = tonumber(settings.get("n")) local Role`, 1)})
	command(t, "role", "watch", "--once", dir).ok(t)
}

func TestHostileTextStaysText(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"role_x.lua": handling("error(\"\x1b[2J\\27]0;x\\7\") -- \x1b[31m"), "role_x_test.lua": "function test_x(t) t.deliver('go', {}) end"})
	s := command(t, "role", "watch", "--once", dir)
	if s.status != 1 || strings.ContainsAny(s.out+s.err, "\x1b\x07") || !strings.Contains(s.out, "role_x.lua:7:") {
		t.Errorf("%+v", s)
	}
}

func TestRoleTestRunsWhatItIsGiven(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"x.lua": handling(`engine.emit("a", {})`), "x_test.lua": "function test_sent(t) t.deliver('go', {}) t.equal(#t.sent(), 1) end\nfunction test_not(t) t.equal(#t.sent(), 1) end",
	})
	s := command(t, "role", "test", dir)
	s.refusedWith(t, "1 of 1 roles did not pass")
	if !strings.Contains(s.out, "1 of 2 tests failed") || !strings.Contains(s.out, "x_test.lua:2: got 0, want 1") || !strings.Contains(s.out, "2 | function test_not(t)") {
		t.Errorf("%s", s.out)
	}
	command(t, "role", "test", filepath.Join(dir, "x_test.lua")).refusedWith(t, "did not pass")
	command(t, "role", "test", t.TempDir()).refusedWith(t, "no file *_test.lua")
	command(t, "role", "test", filepath.Join(dir, "gone.lua")).refusedWith(t, "gone.lua")
	command(t, "role", "test", "../luaroles", "../examples/roles").ok(t)
}

func BenchmarkSaveToAnswer(b *testing.B) {
	dir := b.TempDir()
	tests, err := os.ReadFile("../examples/roles/hello_test.lua")
	if err != nil {
		b.Fatal(err)
	}
	hello, err := os.ReadFile("../examples/roles/hello.lua")
	if err != nil {
		b.Fatal(err)
	}
	write(b, dir, map[string]string{"role_hello.lua": string(hello), "role_hello_test.lua": string(tests)})
	w := watches(b, dir)
	w.next()
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		begun := time.Now()
		write(b, dir, map[string]string{"role_hello.lua": string(hello) + strings.Repeat("\n", i%50+1)})
		w.until(func(a told) bool { return a.OK })
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}
