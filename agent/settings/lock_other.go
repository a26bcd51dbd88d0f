//go:build !windows

package settings

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile locks f for as long as it is open, or says ErrLocked. A shared lock is only a probe.
func lockFile(f *os.File, exclusive bool) error {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrLocked
		default:
			return err
		}
	}
}
