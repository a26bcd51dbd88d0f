package fs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRename(t *testing.T) {
	folder := layOut(t, map[string]string{"g/a": "a", "g/b": "b", "g/d/x": "x", "g/empty/": ""})
	r := newRole(t, folder, "fs.read:%s/g", "fs.write:%s/g")
	at := func(name string) string { return filepath.Join(folder, "g", name) }
	r.must("rename", at("a"), at("b"))
	if got := content(t, at("b")); got != "a" {
		t.Errorf("b holds %q", got)
	}
	r.must("rename", at("b"), at("d/b"))
	r.must("rename", at("d"), at("e"))
	if got := content(t, at("e/b")) + content(t, at("e/x")); got != "ax" {
		t.Errorf("e holds %q", got)
	}
	r.must("rename", at("e/x"), at("e/x"))
	r.refused("not_found", "rename", at("none"), at("b"))
	r.refused("not_found", "rename", at("e/b"), at("none/b"))
	r.refused("denied", "rename", at(""), at("e/g"))
	r.refused("denied", "rename", at("e/b"), at(""))
	r.refused("bad_path", "rename", at("e/b"), at("e")+"/../b")
	if _, err := r.call("rename", at("e/b"), at("empty")); err == nil {
		t.Error("a file took a directory's place")
	}
	if _, err := r.call("rename", at("empty"), at("e")); err == nil {
		t.Error("a directory took the place of one that is not empty")
	}
	r.must("write", "own", "mine")
	r.must("rename", "own", "renamed")
	if got := r.must("read", "renamed"); got != "mine" {
		t.Errorf("in the data directory: %q", got)
	}
}

func TestRenameNeedsBothGrants(t *testing.T) {
	folder := layOut(t, map[string]string{"both/f": "f", "read/f": "secret", "write/f": "drop", "none/f": "none", "one": "one"})
	r := newRole(t, folder, "fs.read:%s/both", "fs.write:%s/both", "fs.read:%s/read", "fs.write:%s/write", "fs.write:%s/one", "fs.read:%s/one")
	at := func(name string) string { return filepath.Join(folder, name) }
	for _, c := range [][2]string{
		{"read/f", "both/g"},
		{"both/f", "read/g"},
		{"none/f", "both/g"},
		{"both/f", "none/g"},
		{"write/f", "both/g"},
		{"write/f", "write/g"}, // for then both/g could be read
		{"both/f", "one/g"},
		{"both/f", "ones"},
	} {
		_, err := r.call("rename", at(c[0]), at(c[1]))
		if code := codeOf(err); code != "denied" && code != "not_dir" {
			t.Errorf("%s to %s: %v", c[0], c[1], err)
		}
	}
	if _, err := r.call("rename", at("write/f"), at("write/g")); !strings.Contains(err.Error(), "fs.read:") {
		t.Errorf("the denial does not say what to add: %v", err)
	}
	for _, name := range []string{"both/f", "read/f", "write/f", "none/f"} {
		if _, err := os.Stat(at(name)); err != nil {
			t.Error(err)
		}
	}
}

func TestRenameWithoutBounds(t *testing.T) {
	folder := layOut(t, map[string]string{"a/f": "f", "b/": ""})
	r := newRole(t, "", "fs.read", "fs.write")
	r.must("rename", filepath.Join(folder, "a/f"), filepath.Join(folder, "b/g"))
	r.must("write", "own", "mine")
	r.must("rename", "own", filepath.Join(folder, "b/own"))
	if got := content(t, filepath.Join(folder, "b/g")) + content(t, filepath.Join(folder, "b/own")); got != "fmine" {
		t.Errorf("b holds %q", got)
	}
}

func TestWhatIsRenamedIsThereAllTheTime(t *testing.T) {
	folder := layOut(t, map[string]string{"f": "0"})
	r := newRole(t, folder, "fs.read:%s", "fs.write:%s")
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if _, err := os.Stat(filepath.Join(folder, "f")); err != nil {
				done <- err
				return
			}
		}
	}()
	for range 100 {
		r.must("write", filepath.Join(folder, "n"), "1")
		r.must("rename", filepath.Join(folder, "n"), filepath.Join(folder, "f"))
	}
	close(stop)
	if err := <-done; errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
