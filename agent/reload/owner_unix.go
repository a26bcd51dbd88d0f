//go:build unix

package reload

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// parents checks the directory and every one above it: who may rename a directory may replace what lies in it.
func parents(dir string, owned func(fs.FileInfo) error) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if err := owned(info); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		if filepath.Dir(dir) == dir {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}
