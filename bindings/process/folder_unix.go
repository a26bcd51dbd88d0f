//go:build unix

package process

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFolder locks a new directory for as long as this process lives; nil means that it is not there any more.
func lockFolder(path string) (*os.File, error) {
	lock, err := seizeFolder(path)
	if lock == nil {
		return nil, err
	}
	held, err := lock.Stat()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if now, err := os.Lstat(path); err != nil || !os.SameFile(held, now) {
		return nil, lock.Close()
	}
	return lock, nil
}

// seizeFolder takes the lock of a directory; nil means that a living process holds it, or that it is gone.
func seizeFolder(path string) (*os.File, error) {
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = nil
		}
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// removeLocked removes the directory before it lets go of the lock.
func removeLocked(path string, lock *os.File) error {
	return errors.Join(removeTree(path), lock.Close())
}
