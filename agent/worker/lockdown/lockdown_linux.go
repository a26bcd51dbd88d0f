package lockdown

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's own limits, as the last line behind the world's budgets. Go reserves address space far beyond what it
// uses, so RLIMIT_AS must leave it room; RLIMIT_DATA is what really binds.
const (
	addressSpace = 2 << 30
	dataBytes    = 256 << 20
	openFiles    = 16
)

func down() (missing []string) {
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"rlimits", limits},
		{"no_new_privs", noNewPrivs},
		{"landlock", landlock},
		{"seccomp", seccomp},
	} {
		if err := step.do(); err != nil {
			missing = append(missing, fmt.Sprintf("%s: %v", step.name, err))
		}
	}
	return missing
}

func limits() error {
	return setLimits(map[int]uint64{
		unix.RLIMIT_AS: addressSpace, unix.RLIMIT_DATA: dataBytes, unix.RLIMIT_NOFILE: openFiles,
		unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0,
	})
}

// noNewPrivs and landlock are states of a thread, so every thread that Go has started must take them on.
func noNewPrivs() error {
	return onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0)
}

func onAllThreads(trap, a1, a2, a3 uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall(trap, a1, a2, a3); errno != 0 {
		return errno
	}
	return nil
}

// landlock handles every access to files and TCP ports that this kernel knows, and allows none.
func landlock() error {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return errno
	}
	rules := handled(int(abi))
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET,
		uintptr(unsafe.Pointer(&rules)), unsafe.Sizeof(rules), 0)
	if errno != 0 {
		return errno
	}
	defer unix.Close(int(fd))
	return onAllThreads(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
}

// handled lists the accesses by the version of landlock that brought them (linux/landlock.h).
func handled(abi int) unix.LandlockRulesetAttr {
	rules := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}
	if abi >= 2 {
		rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		rules.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		rules.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return rules
}
