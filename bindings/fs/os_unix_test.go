//go:build unix

package fs

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

func TestWhatIsMadeIsForNobodyElse(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	folder := layOut(t, map[string]string{"d/": ""})
	r := newRole(t, folder, "fs.write:%s/d")
	at := func(name string) string { return filepath.Join(folder, "d", name) }
	r.must("write", at("w"), "")
	r.must("append", at("a"), "")
	r.must("open", at("o"), map[string]any{"mode": "w"})
	r.must("mkdir", at("m/n"))
	r.must("write", "own", "")
	for path, want := range map[string]os.FileMode{
		at("w"): 0o600, at("a"): 0o600, at("o"): 0o600, at("m"): 0o700 | os.ModeDir, at("m/n"): 0o700 | os.ModeDir,
		r.data: 0o700 | os.ModeDir, filepath.Join(r.data, "own"): 0o600,
	} {
		if got := mode(t, path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	found, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return found.Mode()
}

func TestAReplacedFileKeepsModeAndOwner(t *testing.T) {
	folder := layOut(t, map[string]string{"f": "old"})
	path := filepath.Join(folder, "f")
	r := newRole(t, folder, "fs.write:%s")
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 1234, 5678); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o664); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	r.must("write", path, "new")
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	was, is := before.Sys().(*syscall.Stat_t), after.Sys().(*syscall.Stat_t)
	if after.Mode() != before.Mode() || is.Uid != was.Uid || is.Gid != was.Gid {
		t.Errorf("was %v %d:%d, is %v %d:%d", before.Mode(), was.Uid, was.Gid, after.Mode(), is.Uid, is.Gid)
	}
	if was.Ino == is.Ino {
		t.Error("the file was changed in place")
	}
}

func TestWhatTheSystemRefuses(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t)
		return
	}
	folder := layOut(t, map[string]string{"f": "", "d/": ""})
	r := newRole(t, folder, "fs.read:%s", "fs.write:%s")
	for _, name := range []string{"f", "d"} {
		if err := os.Chmod(filepath.Join(folder, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	r.refused("permission", "read", filepath.Join(folder, "f"))
	r.refused("permission", "append", filepath.Join(folder, "f"), "x")
	r.refused("permission", "list", filepath.Join(folder, "d"))
	r.refused("permission", "write", filepath.Join(folder, "d/f"), "x")
	if err := os.Chmod(filepath.Join(folder, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestReadersMeetWholeFiles(t *testing.T) {
	r := newRole(t, "", "fs")
	r.must("write", "f", string(bytes.Repeat([]byte{'z'}, writerSize)))
	var writers sync.WaitGroup
	for i := range 3 {
		writers.Go(func() {
			for range 10 {
				if _, err := r.call("write", "f", string(bytes.Repeat([]byte{'a' + byte(i)}, writerSize))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		wholeFile(t, filepath.Join(r.data, "f"))
	}
	writers.Wait()
	wholeFile(t, filepath.Join(r.data, "f"))
}

// belowAFile is the code for a path that goes through a file.
const belowAFile = "not_dir"
