// Command oldkernel becomes the worker that lies beside it, in a world without landlock: as on a Linux before 5.13, its
// system calls are unknown. It stands in the worker's place in tests.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// worker is the name of the real one, in the same directory.
const worker = "real-worker"

// Answers of a seccomp filter (linux/seccomp.h).
const (
	allow        = 0x7fff0000
	refuse       = 0x00050000
	offsetNumber = 0
)

func main() {
	fmt.Fprintln(os.Stderr, "oldkernel:", become())
	os.Exit(1)
}

func become() error {
	runtime.LockOSThread()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offsetNumber},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: unix.SYS_LANDLOCK_CREATE_RULESET, Jf: 2},
		{Code: unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, K: unix.SYS_LANDLOCK_RESTRICT_SELF, Jt: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: refuse | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: allow},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(self), worker)
	return unix.Exec(path, append([]string{path}, os.Args[1:]...), os.Environ())
}
