package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheGuideHolds takes every file of Lua out of the guide and treats the folder as an author does.
func TestTheGuideHolds(t *testing.T) {
	text, err := os.ReadFile("../docs/roles.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := luaFiles(t, string(text))
	write(t, dir, files)
	s := command(t, "role", "watch", "--once", "--json", dir)
	if s.status != 0 {
		t.Errorf("%+v", s)
	}
	roles := 0
	for _, a := range answers(t, s.out) {
		roles++
		if !a.OK || len(a.Tests) == 0 || files[strings.TrimSuffix(filepath.Base(a.File), ".lua")+"_test.lua"] == "" {
			t.Errorf("%+v", a)
		}
	}
	if roles < 3 {
		t.Errorf("%d roles in the guide", roles)
	}
}

// luaFiles are the fenced blocks of Lua in a document, which bear the names of their files.
func luaFiles(t *testing.T, text string) map[string]string {
	t.Helper()
	files, name := map[string]string{}, ""
	for line := range strings.Lines(text) {
		info, fence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case fence && name != "":
			name = ""
		case fence && strings.HasPrefix(info, "lua"):
			name = strings.TrimSpace(strings.TrimPrefix(info, "lua"))
			if name == "" || files[name] != "" {
				t.Fatalf("a block of Lua must bear the name of a file of its own: %q", line)
			}
		case name != "":
			files[name] += line
		}
	}
	return files
}
