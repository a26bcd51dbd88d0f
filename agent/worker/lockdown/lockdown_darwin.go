package lockdown

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// openFiles leaves room for the pipes and for what Go's runtime keeps open.
const openFiles = 16

// down bounds what macOS bounds: no file grows, no process is made (but by root), nothing is dumped. Memory is the
// core's to watch. The sandbox of the system is reached through a C library, sandbox_init, which a program without
// cgo cannot call safely.
func down() (missing []string) {
	err := setLimits(map[int]uint64{
		unix.RLIMIT_NOFILE: openFiles, unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_NPROC: 0,
	})
	if err != nil {
		missing = append(missing, fmt.Sprintf("rlimits: %v", err))
	}
	return append(missing, "sandbox: macOS takes files and sockets from a process through sandbox_init only, which is not called")
}
