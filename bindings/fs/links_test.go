//go:build unix

package fs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// linked is a folder whose "g" is granted and whose "out" is not.
func linked(t testing.TB) string {
	return layOut(t, map[string]string{
		"g/f": "inside", "g/d/f": "inside", "out/f": "secret", "out/d/f": "secret",
		"g/to-f": "-> f", "g/to-d": "-> d", "g/d/up": "-> ../f", "g/chain": "-> to-d/up",
		"g/abs": "-> %s/out/f", "g/abs-in": "-> %s/g/f", "g/rel": "-> ../out/f", "g/dir": "-> ../out",
		"g/hop": "-> rel", "g/dangling": "-> ../out/none", "g/loop": "-> loop", "g/d/climb": "-> ../../out",
	})
}

func TestLinksInsideAreFollowed(t *testing.T) {
	folder := linked(t)
	r := newRole(t, folder, "fs.read:%s/g", "fs.write:%s/g")
	for _, name := range []string{"to-f", "to-d/f", "d/up", "chain"} {
		if got := r.must("read", filepath.Join(folder, "g", name)); got != "inside" {
			t.Errorf("read %s: %q", name, got)
		}
	}
	if got := r.must("stat", filepath.Join(folder, "g/to-d")).(map[string]any); got["kind"] != "dir" {
		t.Errorf("stat of a link to a directory: %v", got)
	}
	r.must("append", filepath.Join(folder, "g/chain"), "!")
	if got := content(t, filepath.Join(folder, "g/f")); got != "inside!" {
		t.Errorf("append through links: %q", got)
	}
	for _, e := range r.must("list", filepath.Join(folder, "g/to-d")).([]any) {
		want := map[string]string{"f": "file", "up": "link", "climb": "link"}
		if e := e.(map[string]any); want[e["name"].(string)] != e["kind"] {
			t.Errorf("list through a link: %v", e)
		}
	}
}

func TestLinksOutsideAreRefused(t *testing.T) {
	folder := linked(t)
	before := snapshot(t, filepath.Join(folder, "out"))
	r := newRole(t, folder, "fs.read:%s/g", "fs.write:%s/g")
	for _, name := range []string{"abs", "abs-in", "rel", "hop", "dangling", "dir/f", "d/climb/f", "dir/d/f"} {
		path := filepath.Join(folder, "g", name)
		r.refused("denied", "read", path)
		r.refused("denied", "stat", path)
		r.refused("denied", "list", path)
		r.refused("denied", "append", path, "x")
		for _, mode := range []string{"r", "w", "a"} {
			r.refused("denied", "open", path, map[string]any{"mode": mode})
		}
	}
	for _, name := range []string{"dir/new", "d/climb/new", "dir/d/new", "dir/f", "d/climb/f"} {
		path := filepath.Join(folder, "g", name)
		r.refused("denied", "write", path, "x")
		r.refused("denied", "mkdir", path)
		r.refused("denied", "remove", path)
	}
	r.refused("failed", "read", filepath.Join(folder, "g/loop"))
	r.must("write", filepath.Join(folder, "g/rel"), "replaced the link")
	r.must("remove", filepath.Join(folder, "g/abs"))
	r.must("remove", filepath.Join(folder, "g/dir"))
	if after := snapshot(t, filepath.Join(folder, "out")); after != before {
		t.Errorf("outside changed:\n%s\nbefore:\n%s", after, before)
	}
	if got := content(t, filepath.Join(folder, "g/rel")); got != "replaced the link" {
		t.Errorf("write over a link: %q", got)
	}
}

// TestAWatchTellsNothingOfTheOutside watches through links that lead out, laid before and after.
func TestAWatchTellsNothingOfTheOutside(t *testing.T) {
	folder := linked(t)
	r, l := newRole(t, folder, "fs.read:%s/g"), &listener{t: t}
	at := func(name string) string { return filepath.Join(folder, name) }
	for i, name := range []string{"g/dir", "g/dir/f", "g/rel", "g/d/climb/f"} {
		r.refused("denied", "watch", at(name), l)
		l.expect(i + 1)
	}
	l = &listener{t: t}
	r.watch(at("g/d"), l)
	if err := errors.Join(os.Rename(at("g/d"), at("aside")), os.Symlink("../out/d", at("g/d"))); err != nil {
		t.Fatal(err)
	}
	r.look()
	if err := os.WriteFile(at("out/d/new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.look()
	l.expect(0)
	if log := r.host.Logged(); !strings.Contains(log, "a link leads out of what is granted") {
		t.Errorf("log: %s", log)
	}
	if err := errors.Join(os.Remove(at("g/d")), os.Rename(at("aside"), at("g/d")), os.Remove(at("g/d/f"))); err != nil {
		t.Fatal(err)
	}
	r.look()
	l.expect(0, "removed "+at("g/d/f"))
}

// snapshot lists a tree with its contents.
func snapshot(t testing.TB, dir string) string {
	t.Helper()
	var all string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all += path + "=" + content(t, path) + "\n"
		} else {
			all += path + "\n"
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAGrantedFileThatIsALink(t *testing.T) {
	folder := layOut(t, map[string]string{
		"etc/os-release": "-> ../usr/lib/os-release", "usr/lib/os-release": "ID=test", "etc/sibling": "-> motd", "etc/motd": "secret",
	})
	path := filepath.Join(folder, "etc/os-release")
	r := newRole(t, folder, "fs.read:%s/etc/os-release", "fs.write:%s/etc/os-release", "fs.read:%s/etc/sibling")
	if got := r.must("read", path); got != "ID=test" {
		t.Errorf("read: %q", got)
	}
	r.refused("denied", "append", path, "x")
	r.refused("denied", "open", path, map[string]any{"mode": "w"})

	if err := os.Chmod(filepath.Join(folder, "etc"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{path, filepath.Join(folder, "etc/sibling")} {
		r.refused("denied", "read", link)
		r.refused("denied", "stat", link)
		r.refused("denied", "open", link)
	}
	r.must("write", path, "replaced")
	if got := content(t, filepath.Join(folder, "usr/lib/os-release")); got != "ID=test" {
		t.Errorf("write followed the link: %q", got)
	}
	if got := r.must("read", path); got != "replaced" {
		t.Errorf("read after write: %q", got)
	}
}

func TestWithoutBoundsLinksLeadAnywhere(t *testing.T) {
	folder := linked(t)
	r := newRole(t, "", "fs.read", "fs.write")
	at := func(name string) string { return filepath.Join(folder, "g", name) }
	for name, want := range map[string]string{"abs": "secret", "abs-in": "inside", "dir/f": "secret", "f": "inside"} {
		if got := r.must("read", at(name)); got != want {
			t.Errorf("read %s: %q", name, got)
		}
	}
	r.must("append", at("abs"), "!")
	r.must("mkdir", at("dir/deep/er"))
	r.must("write", at("dir/deep/er/f"), "x")
	r.must("remove", at("rel"))
	r.must("write", at("hop"), "x")
	if got := content(t, filepath.Join(folder, "out/f")); got != "secret!" {
		t.Errorf("append through an absolute link: %q", got)
	}
	if got := content(t, filepath.Join(folder, "out/deep/er/f")); got != "x" {
		t.Errorf("write below a link: %q", got)
	}
	if got := r.must("stat", "/").(map[string]any); got["kind"] != "dir" {
		t.Errorf("stat /: %v", got)
	}
	r.refused("denied", "remove", "/")
}

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	folder := layOut(t, map[string]string{"f": ""})
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRole(t, folder, "fs.read:%s", "fs.write:%s", "fs.read:/dev", "fs.write:/dev/null")
	for _, path := range []string{pipe, "/dev/zero", "/dev/null"} {
		r.refused("not_file", "read", path)
		r.refused("not_file", "open", path)
	}
	r.refused("not_dir", "list", pipe)
	r.refused("not_file", "write", pipe, "x")
	r.refused("not_file", "write", "/dev/null", "x")
	r.refused("not_file", "append", "/dev/null", "x")
	if got := r.must("stat", pipe).(map[string]any); got["kind"] != "other" {
		t.Errorf("stat of a pipe: %v", got)
	}
	out, err := r.call("append", pipe, "x") // no reader: the open itself is refused
	if err == nil {
		t.Errorf("append to a pipe: %v", out)
	}
}

// TestARacingLinkNeverLeadsOut swaps a directory for a link to the outside and back, as fast as it can, while the
// module works in it.
func TestARacingLinkNeverLeadsOut(t *testing.T) {
	folder := layOut(t, map[string]string{"g/d/f": "inside", "g/l": "-> ../out", "out/f": "secret"})
	at := func(name string) string { return filepath.Join(folder, name) }
	before := snapshot(t, at("out"))
	r := newRole(t, folder, "fs.read:%s/g", "fs.write:%s/g")
	race(t, 500, at("g/d"), at("g/l"), func(i int) string {
		_, _ = r.call("append", at("g/d/new"), "x")
		_, _ = r.call("remove", at("g/d/new"))
		_, _ = r.call("list", at("g/d"))
		if i%100 == 0 { // it waits for the disk
			_, _ = r.call("write", at("g/d/new"), "x")
		}
		return r.readOrCode(at("g/d/f"))
	})
	if after := snapshot(t, at("out")); after != before {
		t.Errorf("outside changed:\n%s\nbefore:\n%s", after, before)
	}
}

// TestARacingLinkDoesNotStandInForAGrantedFile does the same to a file that is granted alone.
func TestARacingLinkDoesNotStandInForAGrantedFile(t *testing.T) {
	folder := layOut(t, map[string]string{"one": "inside", "link": "-> out/f", "out/f": "secret"})
	if err := os.Chmod(folder, 0o777); err != nil { // whoever swaps them can do so by these rights
		t.Fatal(err)
	}
	one := filepath.Join(folder, "one")
	r := newRole(t, folder, "fs.read:%s/one")
	race(t, 8_000, one, filepath.Join(folder, "link"), func(int) string { return r.readOrCode(one) })
}

func (r *role) readOrCode(path string) string {
	got, err := r.call("read", path)
	if err != nil {
		return codeOf(err)
	}
	return got.(string)
}

// race has a file and a link change places until the read has met both often enough, and never the secret.
func race(t *testing.T, rounds int, file, link string, read func(i int) string) {
	t.Helper()
	done := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() { swap(t, done, file, link) })
	seen := map[string]int{}
	for i := 0; (i < rounds || seen["inside"] < 100 || seen["denied"] < 100) && !t.Failed(); i++ {
		seen[read(i)]++
	}
	close(done)
	swapper.Wait()
	if t.Log(seen); seen["secret"] > 0 {
		t.Errorf("read the outside %d times", seen["secret"])
	}
}

// swap puts the link in the place of the file, and back.
func swap(t *testing.T, done <-chan struct{}, file, link string) {
	aside := file + ".aside"
	for {
		select {
		case <-done:
			return
		default:
		}
		err := errors.Join(os.Rename(file, aside), os.Rename(link, file), os.Rename(file, link), os.Rename(aside, file))
		if err != nil {
			t.Error(err)
			return
		}
	}
}
