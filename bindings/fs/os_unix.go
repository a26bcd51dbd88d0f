//go:build unix

package fs

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// openFlags keep the opening of a pipe, a terminal or a device from waiting or from doing anything at all.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

// inside is for systems on which a file has names that its path does not show.
func (*place) inside(*os.File) (bool, error) { return true, nil }

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func otherDevice(err error) bool { return errors.Is(err, syscall.EXDEV) }

func notEmpty(err error) bool { return errors.Is(err, syscall.ENOTEMPTY) }

// held is for systems on which an open file cannot be replaced.
func held(error) bool { return false }

// exclusive reports whether nobody but root and this process's user can change what lies in a directory.
func exclusive(dir os.FileInfo) bool {
	sys, ok := dir.Sys().(*syscall.Stat_t)
	if !ok || dir.Mode().Perm()&0o022 != 0 {
		return false
	}
	return sys.Uid == 0 || int(sys.Uid) == os.Geteuid()
}

// keepOwner gives a new file the owner of the one that it is to replace.
func keepOwner(f *os.File, old os.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := now.Sys().(*syscall.Stat_t); ok && is.Uid == was.Uid && is.Gid == was.Gid {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}

// renameBetween renames from one directory that is held open to another.
func renameBetween(from, to *place) error {
	old, err := from.above()
	if err != nil {
		return err
	}
	defer old.Close()
	new, err := to.above()
	if err != nil {
		return err
	}
	defer new.Close()
	return unix.Renameat(int(old.Fd()), filepath.Base(from.name), int(new.Fd()), filepath.Base(to.name))
}

// above opens the directory that the name stands in.
func (p *place) above() (*os.File, error) {
	return p.root.OpenFile(filepath.Dir(p.name), os.O_RDONLY|openFlags|syscall.O_DIRECTORY, 0)
}
