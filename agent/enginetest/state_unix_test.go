//go:build unix

package enginetest

import (
	"io/fs"
	"path/filepath"
	"testing"
)

func TestFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "engine")
	Start(t, Config{Dir: dir})
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v", path, info.Mode())
		}
		return err
	}))
}
