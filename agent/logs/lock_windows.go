package logs

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// nonblock has no meaning here: a pipe has its own name space and cannot stand in a log's place.
const nonblock = 0

// tryLock takes f for this process alone, or says false when another has it. Closing f gives it back.
func tryLock(f *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}
