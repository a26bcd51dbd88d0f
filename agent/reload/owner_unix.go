//go:build unix

package reload

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// nonblock keeps a pipe in the place of a file from stopping the look at it.
const nonblock = syscall.O_NONBLOCK

// Owned is the rule for an agent that runs as root: what it loads, another user must not be able to change. For any
// other user's agent the system itself draws that line.
func Owned() func(fs.FileInfo) error {
	if os.Geteuid() != 0 {
		return func(fs.FileInfo) error { return nil }
	}
	return func(info fs.FileInfo) error {
		st, ok := info.Sys().(*syscall.Stat_t)
		if ok && st.Uid != 0 {
			return fmt.Errorf("owned by user %d, and this agent runs as root: chown root it", st.Uid)
		}
		if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
			return fmt.Errorf("mode %v lets others write it, and this agent runs as root: chmod go-w it", info.Mode().Perm())
		}
		return nil
	}
}

// examine looks at an open file.
func examine(f *os.File) (fs.FileInfo, error) { return f.Stat() }

// examineFolder looks at a folder, for which one rule holds wherever it lies.
func examineFolder(path string, _ bool) (fs.FileInfo, error) { return os.Stat(path) }
