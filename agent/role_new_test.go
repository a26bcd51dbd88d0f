package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestANewRolePassesAtOnce(t *testing.T) {
	for name, args := range map[string][]string{
		"hello": nil, "Greeter_2": {"--on", "greet.me", "--context", "both"}, "tock": {"--every", "2.5"},
		"both": {"--every", "0.01", "--on", "connect", "--context", "interactive"}, strings.Repeat("n", 56): {"--every", "100000000", "--on", "EVENT/NAME"},
	} {
		dir := filepath.Join(t.TempDir(), "new")
		out := command(t, append([]string{"role", "new", name, "--dir", dir}, args...)...).ok(t)
		if !strings.Contains(out, "role watch "+dir) || !strings.Contains(out, "role allow "+name) {
			t.Errorf("%s", out)
		}
		s := command(t, "role", "watch", "--once", "--json", dir)
		for _, a := range answers(t, s.out) {
			if !a.OK || a.Name != name || len(a.Tests) == 0 {
				t.Errorf("%+v", a)
			}
		}
		if s.status != 0 {
			t.Errorf("%+v", s)
		}
		text, err := os.ReadFile(filepath.Join(dir, "role_"+name+".lua"))
		if err != nil || strings.Contains(string(text), "@") && !strings.Contains(string(text), "---@") || strings.Contains(string(text), "GRANTS }") {
			t.Errorf("%v\n%s", err, text)
		}
		for _, file := range []string{".luarc.json", "types/borealis.lua", "types/test.lua", "types/http.lua"} {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestNewRefusesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"role_x_test.lua": "mine", ".luarc.json": "{}"})
	command(t, "role", "new", "x", "--dir", dir).refusedWith(t, "role_x_test.lua\" is there already")
	if _, err := os.Stat(filepath.Join(dir, "role_x.lua")); err == nil {
		t.Error("half a role was written")
	}
	command(t, "role", "new", "y", "--dir", dir).ok(t)
	if text, err := os.ReadFile(filepath.Join(dir, ".luarc.json")); err != nil || string(text) != "{}" {
		t.Errorf("%q, %v", text, err)
	}
	for _, name := range []string{"", "1x", "a-b", "../x", "x_test", "x_TEST", strings.Repeat("n", 57)} {
		command(t, "role", "new", "--dir", dir, "--", name).refusedWith(t, "is no name for a role")
	}
	command(t, "role", "new", "z", "--dir", dir, "--on", "a b").refusedWith(t, "is no name of an event")
	command(t, "role", "new", "z", "--dir", dir, "--every", "0.001").refusedWith(t, "a timer's period")
	command(t, "role", "new", "z", "--dir", dir, "--every", "NaN").refusedWith(t, "a timer's period")
}

func TestDocsPrintWhatTheEditorReads(t *testing.T) {
	list := command(t, "docs").ok(t)
	for _, line := range []string{"process      grant process", "borealis     every role", "test         every test"} {
		if !strings.Contains(list, line) {
			t.Errorf("no %q in\n%s", line, list)
		}
	}
	for _, name := range []string{"borealis", "test", "http"} {
		want, err := os.ReadFile("../luaroles/types/" + name + ".lua")
		if got := command(t, "docs", name).ok(t); err != nil || got != string(want) {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	command(t, "docs", "htp").refusedWith(t, `no module "htp"`)
}
