package main

import (
	"strings"
	"testing"
	"unicode"
)

// FuzzFlaw shows what a worker may say, which is whatever a role makes it say.
func FuzzFlaw(f *testing.F) {
	f.Add("inner: x_test.lua:2: role_x.lua:1: no", "local a\nlocal b")
	f.Add("role_x.lua:99999999999999999999: \x1b[2J\nrole_x.lua:0: ", "\x1b[2J")
	f.Add("missing grant: add \"$1\" to ROLE_GRANTS", "")
	f.Fuzz(func(t *testing.T, said, source string) {
		about := texts{"role_x.lua": source, "x_test.lua": source, "": source}
		shown := about.flaw(said).String()
		for r := range strings.SplitSeq(shown, "\n") {
			if strings.ContainsFunc(r, func(r rune) bool { return !unicode.IsPrint(r) && r != '\uFFFD' }) {
				t.Errorf("%q becomes %q", said, shown)
			}
		}
	})
}

func TestTheInnermostPlaceCounts(t *testing.T) {
	about := texts{"role_x.lua": "a\n  b\n", "x_test.lua": "c"}
	f := about.flaw("inner: x_test.lua:1: role_x.lua:2: no, see role_x.lua:1: there")
	if f.File != "role_x.lua" || f.Line != 2 || f.Source != "  b" || f.Text != "inner: no, see role_x.lua:1: there" || len(f.From) != 1 || f.From[0] != "x_test.lua:1" {
		t.Errorf("%+v", f)
	}
}
