package settings

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockOffset lies far past the text of a lock file: locks are mandatory here, and the text is for people to read.
const lockOffset = 1 << 30

// lockFile locks f for as long as it is open, or says ErrLocked. A shared lock is only a probe.
func lockFile(f *os.File, exclusive bool) error {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if exclusive {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{Offset: lockOffset})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return err
}
