package service

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

// aside marks a program that was replaced while it ran.
const aside = ".old-"

// replace puts a file in another's place. A program that runs cannot be replaced, but it can be renamed; it then lies
// beside the new one until the next replacement finds it at rest.
func replace(from, to string) error {
	if old, err := filepath.Glob(to + aside + "*"); err == nil {
		for _, path := range old {
			_ = os.Remove(path) // it may still run
		}
	}
	err := os.Rename(from, to)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+aside+"*")
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name()), os.Rename(to, f.Name())); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Rename(f.Name(), to))
	}
	return nil
}

// sameMode is always so: what a file lets others do, it inherits from its folder.
func sameMode(fs.FileMode, fs.FileMode) bool { return true }

func syncFolder(string) error { return nil }

// The access lists of the machine's folders: SYSTEM and the administrators rule; users read what is not private.
const (
	privateList = "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	publicList  = privateList + "(A;OICI;0x1200a9;;;BU)"
)

// MakeFolder makes a folder, and those above it that are missing. An administrator makes it the machine's, with its
// access list from the first moment on; anybody else makes it in his own profile, whose list it inherits. What is there
// stays as it is.
func MakeFolder(dir string) error { return makeFolder(dir, publicList) }

// MakeDataFolder is MakeFolder for data: here the secrets in it inherit the access list, so users may not read it.
func MakeDataFolder(dir string) error { return makeFolder(dir, privateList) }

func makeFolder(dir, list string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeFolder(filepath.Dir(dir), publicList); err != nil {
		return err
	}
	if !windows.GetCurrentProcessToken().IsElevated() {
		return os.Mkdir(dir, 0o700)
	}
	sd, err := windows.SecurityDescriptorFromString(list)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	sa := windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(sa))
	if err := windows.CreateDirectory(name, &sa); err != nil && !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	return nil
}
