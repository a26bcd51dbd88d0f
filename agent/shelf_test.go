package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

func anybody(fs.FileInfo) error { return nil }

func TestTheShelfGivesWhatItTook(t *testing.T) {
	s := shelf{openTree(t), wire.System, anybody}
	if all, err := s.Load(); err != nil || len(all) != 0 {
		t.Fatalf("%v, %v", all, err)
	}
	kept := reload.Kept{Text: "return \"zażółć\"\n", Libs: map[string]string{"lib/a.lua": "return 1"}, Sum: "x"}
	for _, file := range []string{"role_a.lua", "ROLE_b.lua"} {
		if err := s.Save(file, &kept); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Save("ROLE_b.lua", nil), s.Save("role_never.lua", nil)); err != nil {
		t.Fatal(err)
	}
	all, err := s.Load()
	if got := all["role_a.lua"]; err != nil || len(all) != 1 || got.Text != kept.Text || got.Libs["lib/a.lua"] != "return 1" || got.Sum != "x" {
		t.Errorf("%v, %v", all, err)
	}
	if other, err := (shelf{s.tree, wire.CurrentUser, anybody}).Load(); err != nil || len(other) != 0 {
		t.Errorf("the other mode has %v, %v", other, err)
	}
}

func TestTheShelfSaysWhatItCannotTrust(t *testing.T) {
	s := shelf{openTree(t), wire.System, anybody}
	for _, file := range []string{"role_a.lua", "role_b.lua"} {
		if err := s.Save(file, &reload.Kept{Text: file}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(s.dir(), "role_a.lua.json"), []byte("{"), 0o600),
		os.Mkdir(filepath.Join(s.dir(), "role_c.lua.json"), 0o700),
	); err != nil {
		t.Fatal(err)
	}
	all, err := s.Load()
	if len(all) != 1 || all["role_b.lua"].Text != "role_b.lua" {
		t.Errorf("%v", all)
	}
	for _, word := range []string{"role_a.lua.json: ", "role_c.lua.json: not a regular file"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v lacks %q", err, word)
		}
	}

	s.owned = func(info fs.FileInfo) error {
		if info.IsDir() {
			return nil
		}
		return errors.New("somebody else's")
	}
	if all, err := s.Load(); len(all) != 0 || err == nil || strings.Count(err.Error(), "somebody else's") != 2 {
		t.Errorf("%v, %v", all, err)
	}
	s.owned = func(fs.FileInfo) error { return errors.New("somebody else's") }
	if all, err := s.Load(); len(all) != 0 || err == nil || !strings.Contains(err.Error(), "last_good_SYSTEM: somebody") {
		t.Errorf("%v, %v", all, err)
	}
}
