//go:build unix

package main

import (
	"os"
	"syscall"
)

// stdin is the standard input, read in such a way that waiting for it holds no thread: each event would have to wake
// another one. What sits at the other end of the pipe does not notice.
func stdin() *os.File {
	if err := syscall.SetNonblock(syscall.Stdin, true); err != nil {
		return os.Stdin
	}
	return os.NewFile(uintptr(syscall.Stdin), "stdin")
}
