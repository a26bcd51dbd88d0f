package settings

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// A file that another process has open cannot be replaced or removed here, and one that is being replaced cannot be opened. Both
// last an instant; busyTries bounds the wait.
const (
	busyTries = 40
	busyPause = 5 * time.Millisecond
)

func replace(from, to string) error {
	f, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	t, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	return whileBusy(func() error {
		return windows.MoveFileEx(f, t, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
	})
}

func removeFile(path string) error { return whileBusy(func() error { return os.Remove(path) }) }

func openFile(path string) (f *os.File, err error) {
	err = whileBusy(func() error {
		f, err = os.Open(path)
		return err
	})
	return f, err
}

func whileBusy(do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if err == nil || try == busyTries || !busy(err) {
			return err
		}
		time.Sleep(busyPause)
	}
}

func busy(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}

// syncDir has nothing to do: MOVEFILE_WRITE_THROUGH returns once the move is on the disk.
func syncDir(string) error { return nil }

// shut leaves the folder's access list as the installer set it.
func shut(string) error { return nil }
