package process

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// outcome tells how the program ended: there are no signals here.
func outcome(state *os.ProcessState) (code int, signal *string) { return state.ExitCode(), nil }

// brokenPipe reports whether a write failed because nobody reads.
func brokenPipe(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}
