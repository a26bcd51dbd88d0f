package tunneltest

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

// Alone runs a test in a network namespace of its own, in a process of its own, where it is true. Outside of that it is
// false, and nothing is left to do. It needs root.
func Alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv("BOREALIS_TEST_ALONE") == t.Name() {
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	runtime.LockOSThread() // the kernel takes the end of the thread that starts it for the parent's death
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "10m")
	cmd.Env = append(os.Environ(), "BOREALIS_TEST_ALONE="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}
