package process

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tree is a program and its session. A process that makes a session of its own is not followed there: this system
// shows neither its environment to others nor its start to a handle. The program stays unreaped until the last sweep,
// so that its number, which names the session too, cannot be given to another process meanwhile.
type tree struct{ pid int }

// spawner starts programs; here it has nothing to keep.
type spawner struct{}

func newSpawner() *spawner { return &spawner{} }

func (*spawner) start(o order, e *ends) (*os.Process, *tree, error) {
	attr := o.attributes(e)
	attr.Sys = o.who.become(controlling(&syscall.SysProcAttr{Setsid: true}, e))
	p, err := os.StartProcess(o.path, o.argv, attr)
	if err != nil {
		return nil, nil, err
	}
	return p, &tree{pid: p.Pid}, nil
}

// Close has nothing to let go of.
func (*spawner) Close() error { return nil }

// await returns when the program has ended, and leaves it unreaped.
func (t *tree) await() {
	const byPid = 1 // P_PID
	var info [128]byte
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPid, uintptr(t.pid),
			uintptr(unsafe.Pointer(&info)), syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}

func (t *tree) kill() { _ = unix.Kill(-t.pid, unix.SIGKILL) }

// sweep ends what is left of the session's group. How many withstood cannot be told.
func (t *tree) sweep() int {
	t.kill()
	return 0
}

// close has nothing to let go of.
func (t *tree) close() error { return nil }

// owner names this agent in the markers of its runs.
func owner() string { return fmt.Sprint(os.Getpid()) }

// endOrphans does nothing: another process's environment is not shown here.
func endOrphans() {}
