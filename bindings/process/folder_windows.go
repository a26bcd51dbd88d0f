package process

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
)

// lockName is a file that is open, and so cannot be removed, as long as the folder's process lives.
const lockName = "lock"

// lockFolder locks a new directory for as long as this process lives.
func lockFolder(path string) (*os.File, error) {
	return os.OpenFile(filepath.Join(path, lockName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// seizeFolder takes over a directory whose process has died; nil means that it lives. A directory without a lock is
// just being made.
func seizeFolder(path string) (*os.File, error) {
	lock := filepath.Join(path, lockName)
	if err := os.Remove(lock); err != nil {
		return nil, nil // In use, or not there yet: not ours to remove.
	}
	return os.OpenFile(lock, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// removeLocked lets go of the lock before it removes the directory: an open file cannot be removed. Nor can one that
// somebody else, a cleaner or a virus scanner, looks into just then.
func removeLocked(path string, lock *os.File) error {
	err := lock.Close()
	for range 100 {
		failed := removeTree(path)
		if failed == nil {
			return err
		}
		if !errors.Is(failed, windows.ERROR_SHARING_VIOLATION) && !errors.Is(failed, windows.ERROR_ACCESS_DENIED) {
			return errors.Join(err, failed)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.Join(err, removeTree(path))
}

// ours is true: on Windows who may write the parent directory is settled by its access list.
func ours(os.FileInfo) bool { return true }
