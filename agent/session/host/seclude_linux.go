package host

import (
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/bunny-lab-io/borealis-agent/agent/session"
	"golang.org/x/sys/unix"
)

// self is this process's own program, which the user need not be able to reach by its path.
func self(string) string { return "/proc/self/exe" }

// keepToSelf keeps every descriptor of this process that the host is not given from it, also those that this process
// was born with: Go's own are kept back anyway.
func keepToSelf() error {
	err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) { // before Linux 5.11
		return nil
	}
	return err
}

// seclude takes the host out of reach of the user's other processes, which are jobs among others: none may read its
// memory, its environment or its pipes.
func seclude() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("seclude the session host: %w", err)
	}
	return nil
}

// belongs makes sure that this process is the session's user in every respect.
func belongs(s session.Session) error {
	var ids [6]int
	ids[0], ids[1], ids[2] = unix.Getresuid()
	ids[3], ids[4], ids[5] = unix.Getresgid()
	uid := int(s.UID)
	if uid == 0 || ids[0] != uid || ids[1] != uid || ids[2] != uid || ids[3] != ids[4] || ids[3] != ids[5] {
		return fmt.Errorf("process %d is not user %d in session %q, or not in every respect", os.Getpid(), uid, s.ID)
	}
	return nil
}
