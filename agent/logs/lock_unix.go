//go:build unix

package logs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// nonblock keeps the opening of a FIFO that somebody put in a log's place from waiting for its reader.
const nonblock = unix.O_NONBLOCK

// tryLock takes f for this process alone, or says false when another has it. Closing f gives it back.
func tryLock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return err == nil, err
}
