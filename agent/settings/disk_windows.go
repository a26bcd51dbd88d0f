package settings

import (
	"errors"
	"time"

	"golang.org/x/sys/windows"
)

// replaceTries bounds the wait for a reader of another process, which keeps a file from being replaced here.
const replaceTries = 40

func replace(from, to string) error {
	f, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	t, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		err = windows.MoveFileEx(f, t, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
		if err == nil || try == replaceTries || !busy(err) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func busy(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}

// syncDir has nothing to do: MOVEFILE_WRITE_THROUGH returns once the move is on the disk.
func syncDir(string) error { return nil }

// shut leaves the folder's access list as the installer set it.
func shut(string) error { return nil }
