package memory

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// region is a part of the address space.
type region struct{ from, to uintptr }

// regions finds where this very program is mapped read-only.
func regions() (found []region) {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(maps)) {
		var r region
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &r.from, &r.to, &mode); err == nil &&
			strings.HasSuffix(strings.TrimSpace(line), self) && mode[1] == '-' {
			found = append(found, r)
		}
	}
	return found
}

// unmap gives back the pages of the program that only loading needed. They stay in the system's cache, and those that
// an idle worker does need come back by themselves.
func (r region) unmap() error {
	if _, _, errno := unix.Syscall(unix.SYS_MADVISE, r.from, r.to-r.from, unix.MADV_DONTNEED); errno != 0 {
		return errno
	}
	return nil
}
