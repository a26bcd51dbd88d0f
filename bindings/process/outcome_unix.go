//go:build unix

package process

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// outcome tells how the program ended: its exit code, or the name of the signal that ended it.
func outcome(state *os.ProcessState) (code int, signal *string) {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		name := unix.SignalName(status.Signal())
		return -1, &name
	}
	return state.ExitCode(), nil
}

// brokenPipe reports whether a write failed because nobody reads.
func brokenPipe(err error) bool { return errors.Is(err, unix.EPIPE) }
