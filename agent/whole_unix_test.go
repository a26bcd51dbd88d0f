//go:build unix

package main_test

import (
	"errors"
	"syscall"
)

// gone says whether there is no process of this number any more.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
