package service

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// PutFile puts a file at path, whole or not at all and with its final mode from its first byte on, and says whether
// anything changed: a file that is as it should be stays untouched.
func PutFile(path string, data []byte, mode fs.FileMode) (changed bool, err error) {
	if same(path, data, mode) {
		return false, nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*")
	if err != nil {
		return false, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if err := f.Chmod(mode); err != nil {
		return false, err
	}
	if _, err := f.Write(data); err != nil {
		return false, err
	}
	if err := f.Sync(); err != nil {
		return false, err
	}
	if err := f.Close(); err != nil {
		return false, errors.Join(err, os.Remove(f.Name()))
	}
	if err := MoveFile(f.Name(), path); err != nil {
		return false, errors.Join(err, os.Remove(f.Name()))
	}
	return true, nil
}

// MoveFile puts a file of a folder in the place of another one there, for good.
func MoveFile(from, to string) error {
	if err := replace(from, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// same says whether a plain file with this content and mode is there already.
func same(path string, data []byte, mode fs.FileMode) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || !sameMode(info.Mode(), mode) || info.Size() != int64(len(data)) {
		return false
	}
	found, err := os.ReadFile(path)
	return err == nil && bytes.Equal(found, data)
}

// removeFile removes a file; one that is gone already is no error.
func removeFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
