package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// seed makes the watched directory with the shipped roles where there is none yet, and says whether it did. It appears
// whole or not at all; a directory that is there is the operator's, and stays as it is.
func seed(dir string, shipped fs.FS) (seeded bool, err error) {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return false, err
	}
	made, err := os.MkdirTemp(parent, ".roles-")
	if err != nil {
		return false, err
	}
	if err := errors.Join(os.CopyFS(made, shipped), readable(made)); err != nil {
		return false, errors.Join(fmt.Errorf("seed %q: %w", dir, err), os.RemoveAll(made))
	}
	if err := os.Rename(made, dir); err != nil {
		return false, errors.Join(err, os.RemoveAll(made))
	}
	return true, nil
}

// readable gives what was copied the modes of an ordinary directory: the embedded files have none that an editor could
// work with.
func readable(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
}
