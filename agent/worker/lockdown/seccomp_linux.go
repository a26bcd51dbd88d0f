package lockdown

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Answers of a seccomp filter and the flag that applies it to all threads (linux/seccomp.h).
const (
	seccompAllow     = 0x7fff0000
	seccompErrno     = 0x00050000
	seccompKill      = 0x80000000
	seccompSetFilter = 1
	seccompFlagTSync = 1
	offsetNumber     = 0
	offsetArch       = 4
	offsetFirstArg   = 16
	cloneThread      = unix.CLONE_THREAD
)

// allowed are the system calls that Go's runtime and two open pipes need. Nothing here opens, connects, or starts.
var allowed = append([]uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_FCNTL,
	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_BRK,
	unix.SYS_FUTEX, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP,
	unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_GETRANDOM, unix.SYS_GETPID, unix.SYS_GETTID,
	unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_SIGALTSTACK, unix.SYS_TGKILL,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2, unix.SYS_PIPE2,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_RESTART_SYSCALL, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ,
	unix.SYS_GETRLIMIT, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE, unix.SYS_SETITIMER,
}, allowedHere...)

// seccomp lets only those calls through, and clone only to make threads. A call of another architecture kills the
// process; every other call is refused.
func seccomp() error {
	prog := filter()
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, seccompSetFilter, seccompFlagTSync,
		uintptr(unsafe.Pointer(&unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]})))
	if errno != 0 {
		return errno
	}
	return nil
}

func filter() []unix.SockFilter {
	prog := []unix.SockFilter{
		load(offsetArch),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: auditArch, Jt: 1},
		answer(seccompKill),
		load(offsetNumber),
		// A clone that makes a thread may pass; one that makes a process may not.
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE, Jf: 4},
		load(offsetFirstArg),
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: cloneThread, Jf: 1},
		answer(seccompAllow),
		answer(seccompErrno | uint32(unix.EPERM)),
	}
	for _, number := range allowed {
		prog = append(prog,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: number, Jf: 1},
			answer(seccompAllow))
	}
	return append(prog, answer(seccompErrno|uint32(unix.EPERM)))
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func answer(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
}
