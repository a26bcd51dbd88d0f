package world

import (
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what this process has used.
func processorTime() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return byTheClock()
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
