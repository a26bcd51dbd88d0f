package reload

import (
	"errors"
	"os"
)

// GuardedFolder says why another user could change what lies in a folder, through it or through one above it, when this
// process is privileged; nil when nobody could.
func GuardedFolder(dir string) error { return parents(dir, Owned()) }

// GuardedFile says the same of a file by itself, whose folder GuardedFolder judges.
func GuardedFile(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := examine(f)
	if err != nil {
		return err
	}
	return Owned()(info)
}
