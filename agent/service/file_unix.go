//go:build unix

package service

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

func replace(from, to string) error { return os.Rename(from, to) }

func sameMode(a, b fs.FileMode) bool { return a.Perm() == b.Perm() }

// syncFolder makes what was renamed in a folder last.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// MakeFolder makes a folder, and those above it that are missing, for everybody to read and for its maker to write.
// What is there stays as it is.
func MakeFolder(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := MakeFolder(filepath.Dir(dir)); err != nil {
		return err
	}
	const mode = 0o755
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Chmod(dir, mode) // whatever the umask took
}

// MakeDataFolder is MakeFolder for data: here each secret in it has a mode of its own.
func MakeDataFolder(dir string) error { return MakeFolder(dir) }
