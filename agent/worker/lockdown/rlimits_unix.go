//go:build unix

package lockdown

import (
	"errors"

	"golang.org/x/sys/unix"
)

// setLimits bounds what the kernel gives this process, for good.
func setLimits(limits map[int]uint64) error {
	var errs []error
	for which, n := range limits {
		errs = append(errs, unix.Setrlimit(which, &unix.Rlimit{Cur: n, Max: n}))
	}
	return errors.Join(errs...)
}
