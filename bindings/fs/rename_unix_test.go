//go:build unix

package fs

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

func TestRenameBetweenGrants(t *testing.T) {
	folder := layOut(t, map[string]string{"a/f": "f", "a/d/g": "g", "b/d/": "", "one": "old"})
	r := newRole(t, folder, "fs.read:%s/a", "fs.write:%s/a", "fs.write:%s/b", "fs.write:%s/one")
	at := func(name string) string { return filepath.Join(folder, name) }
	r.must("rename", at("a/f"), at("b/d/h"))
	r.must("rename", at("a/d/g"), at("one"))
	r.must("write", "own", "mine")
	r.must("rename", "own", at("b/own"))
	if got := content(t, at("b/d/h")) + content(t, at("one")) + content(t, at("b/own")); got != "fgmine" {
		t.Errorf("got %q", got)
	}
}

func TestRenameGoesThroughNoLink(t *testing.T) {
	folder := linked(t)
	if err := os.Mkdir(filepath.Join(folder, "h"), 0o700); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, filepath.Join(folder, "out"))
	r := newRole(t, folder, "fs.read:%s/g", "fs.write:%s/g", "fs.read:%s/h", "fs.write:%s/h")
	at := func(name string) string { return filepath.Join(folder, name) }
	r.must("write", at("h/mine"), "mine")
	for _, c := range [][2]string{
		{"g/dir/f", "g/stolen"},
		{"g/dir/f", "h/stolen"},
		{"g/d/climb/f", "h/stolen"},
		{"g/f", "g/dir/f"},
		{"g/f", "g/dir/new"},
		{"h/mine", "g/dir/f"},
		{"h/mine", "g/d/climb/new"},
		{"g/dir/d", "h/stolen"},
	} {
		r.refused("denied", "rename", at(c[0]), at(c[1]))
	}
	r.must("rename", at("g/rel"), at("h/link")) // the link itself
	r.must("rename", at("h/mine"), at("g/hop")) // in the place of a link, not of what it leads to
	if got := content(t, at("g/hop")); got != "mine" {
		t.Errorf("g/hop holds %q", got)
	}
	if target, err := os.Readlink(at("h/link")); err != nil || target != "../out/f" {
		t.Errorf("h/link leads to %q: %v", target, err)
	}
	if after := snapshot(t, filepath.Join(folder, "out")); after != before {
		t.Errorf("outside changed:\n%s", after)
	}
}

// TestRenameWhileALinkComesAndGoes races the two against each other: whatever wins, nothing outside moves.
func TestRenameWhileALinkComesAndGoes(t *testing.T) {
	folder := layOut(t, map[string]string{"g/d/f": "in", "h/": "", "out/f": "secret", "g/link": "-> ../out"})
	before := snapshot(t, filepath.Join(folder, "out"))
	r := newRole(t, folder, "fs.read:%s/g", "fs.write:%s/g", "fs.read:%s/h", "fs.write:%s/h")
	at := func(name string) string { return filepath.Join(folder, name) }
	stop := make(chan struct{})
	var swaps sync.WaitGroup
	swaps.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Rename(at("g/d"), at("g/e"))
			_ = os.Rename(at("g/link"), at("g/d"))
			_ = os.Rename(at("g/d"), at("g/link"))
			_ = os.Rename(at("g/e"), at("g/d"))
		}
	})
	for range 300 {
		_, _ = r.call("rename", at("g/d/f"), at("h/f"))
		_, _ = r.call("rename", at("h/f"), at("g/d/f"))
	}
	close(stop)
	swaps.Wait()
	if after := snapshot(t, filepath.Join(folder, "out")); after != before {
		t.Errorf("outside changed:\n%s", after)
	}
}

func TestRenameToAnotherDevice(t *testing.T) {
	for _, dir := range []string{"/dev/shm", "/var/tmp"} {
		there, err := os.MkdirTemp(dir, "fs-test-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = os.RemoveAll(there) })
		r := newRole(t, there, "fs.write:%s")
		r.must("write", "f", "")
		if device(t, r.data) != device(t, there) {
			r.refused("other_device", "rename", "f", filepath.Join(there, "f"))
			return
		}
	}
	t.Skip("there is only one")
}

func device(t *testing.T, path string) any {
	t.Helper()
	found, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return found.Sys().(*syscall.Stat_t).Dev
}
