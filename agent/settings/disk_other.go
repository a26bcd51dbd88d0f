//go:build !windows

package settings

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

func replace(from, to string) error { return os.Rename(from, to) }

func removeFile(path string) error { return os.Remove(path) }

func openFile(path string) (*os.File, error) { return os.Open(path) }

// syncDir makes a rename last through a power cut. File systems that cannot sync a folder say EINVAL or ENOTSUP.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// shut takes away from others the right to put files into a folder of the tree: whoever may replace the stored
// signing key decides what runs here.
func shut(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("runtime tree: %w", err)
	}
	if info.Mode().Perm()&0o022 == 0 {
		return nil
	}
	if err := os.Chmod(dir, info.Mode().Perm()&^0o022); err != nil {
		return fmt.Errorf("runtime tree: others may write to %q: %w", dir, err)
	}
	return nil
}
