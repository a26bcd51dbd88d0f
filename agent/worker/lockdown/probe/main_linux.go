// Command probe locks itself down and then tries what a locked-down process must not and must be able to do. It is for
// the test of package lockdown, which cannot lock itself down: that stays.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/worker/lockdown"
	"golang.org/x/sys/unix"
)

// forbidden are acts that must fail.
var forbidden = map[string]func() error{
	"read a file":       func() error { _, err := os.ReadFile("/etc/passwd"); return err },
	"read its own maps": func() error { _, err := os.ReadFile("/proc/self/maps"); return err },
	"make a file":       func() error { return os.WriteFile(os.TempDir()+"/borealis-probe", nil, 0o600) },
	"remove a file":     func() error { return os.Remove(os.Args[1]) },
	"list a directory":  func() error { _, err := os.ReadDir("/"); return err },
	"start a program":   func() error { return exec.Command("/bin/true").Run() },
	"dial":              func() error { _, err := net.Dial("tcp", os.Args[2]); return err },
	"listen":            func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err },
	"a unix socket":     func() error { _, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err },
	"signal its parent": func() error { return unix.Kill(os.Getppid(), 0) },
	"signal itself":     func() error { return unix.Kill(os.Getpid(), 0) },
	"trace":             func() error { return unix.PtraceAttach(os.Getppid()) },
	"raise its limits": func() error {
		return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1 << 16, Max: 1 << 16})
	},
	"change user": func() error { return unix.Setuid(65534) },
	"mount":       func() error { return unix.Mount("none", "/mnt", "tmpfs", 0, "") },
	"unshare":     func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
	"fork": func() error {
		pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno == 0 && pid == 0 {
			unix.Exit(0)
		}
		if errno != 0 {
			return errno
		}
		return nil
	},
}

func main() {
	for _, missing := range lockdown.Down() {
		fmt.Println("missing:", missing)
	}
	for name, act := range forbidden {
		if act() == nil {
			fmt.Println("done:", name)
		}
	}
	if err := ordinary(); err != nil {
		fmt.Println("not done:", err)
	}
	fmt.Println("end")
}

// ordinary is what a world needs: memory, the collector, threads, time.
func ordinary() error {
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			kept := make([][]byte, 0, 64)
			for range 64 {
				kept = append(kept, make([]byte, 64<<10))
			}
			time.Sleep(time.Millisecond)
			runtime.KeepAlive(kept)
		})
	}
	working.Wait()
	runtime.GC()
	if time.Now().IsZero() {
		return errors.New("no time")
	}
	return nil
}
