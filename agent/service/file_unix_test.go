//go:build unix

package service

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestModesAreWhatWasAskedFor holds under any umask, and mends a file that was loosened.
func TestModesAreWhatWasAskedFor(t *testing.T) {
	for _, umask := range []int{0, 0o077} {
		dir := filepath.Join(t.TempDir(), "a", "b")
		path := filepath.Join(dir, "program")
		before := syscall.Umask(umask)
		err := MakeFolder(dir)
		if err == nil {
			_, err = PutFile(path, []byte("x"), 0o755)
		}
		syscall.Umask(before)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{filepath.Dir(dir), dir, path} {
			if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o755 {
				t.Errorf("umask %o: %s: %v, %v", umask, p, info.Mode(), err)
			}
		}
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
		if changed, err := PutFile(path, []byte("x"), 0o755); err != nil || !changed {
			t.Errorf("a loosened file stayed: %v, %v", changed, err)
		}
	}
}

// TestALinkIsReplaced, since whoever made it could point it elsewhere.
func TestALinkIsReplaced(t *testing.T) {
	dir := t.TempDir()
	target, path := filepath.Join(dir, "target"), filepath.Join(dir, "program")
	if err := os.WriteFile(target, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	if changed, err := PutFile(path, []byte("x"), 0o755); err != nil || !changed {
		t.Fatal(changed, err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
