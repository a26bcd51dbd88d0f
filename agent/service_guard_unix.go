//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"os"
)

// privileged says whether this process may install for the machine.
func privileged() bool { return os.Geteuid() == 0 }

// openToOthers says why a folder lets others put things beside ours: reload.GuardedFolder lets sticky ones pass, in which
// nobody can take from us what is there already.
func openToOthers(dir string, info fs.FileInfo) error {
	if privileged() && info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s: mode %v lets others write it: chmod go-w it, or take another folder", dir, info.Mode().Perm())
	}
	return nil
}
