package role

import (
	"io"
	"os"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// attributes keep the terminal's signals from the worker. It notices the agent's death by the end of its input.
func attributes() (attr *syscall.SysProcAttr, started func()) {
	return &syscall.SysProcAttr{Setpgid: true}, func() {}
}

func systemEnv() []string { return nil }

// keeper watches the worker's memory: no limit that a process can set itself counts what Go maps on this system.
type keeper = *watchdog

func hold(p *os.Process, words io.Writer) (keeper, error) {
	worker, err := process.NewProcess(int32(p.Pid))
	if err != nil {
		return nil, err
	}
	d := &watchdog{limit: memory, every: 250 * time.Millisecond, resident: func() (uint64, error) {
		info, err := worker.MemoryInfo()
		if err != nil {
			return 0, err
		}
		return info.RSS, nil
	}}
	d.watch(p, words)
	return d, nil
}
