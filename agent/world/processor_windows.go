package world

import (
	"time"

	"golang.org/x/sys/windows"
)

// processorTime is what this process has used, to about 16 ms.
func processorTime() time.Duration {
	var made, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &made, &ended, &kernel, &user); err != nil {
		return byTheClock()
	}
	return hundreds(kernel) + hundreds(user)
}

// hundreds reads a length of time, which Windows counts in hundreds of nanoseconds.
func hundreds(t windows.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
