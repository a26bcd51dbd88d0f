package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// folderPrefix is how the names of private folders begin.
const folderPrefix = "process-"

// folder is a private directory of one role: locked while its role lives, so that one that a crash left behind is told
// from one in use, whichever process looks. It is made when it is first needed.
type folder struct {
	parent string

	mu   sync.Mutex
	path string
	lock *os.File
}

// parentFolder is where private folders are made: the agent's data directory, else the system's temporary one.
func parentFolder(dataDir string) string {
	if dataDir != "" {
		return dataDir
	}
	return os.TempDir()
}

// run makes the directory of one run with one file in it, both closed to others from their first byte.
func (f *folder) run(name, file string, content []byte) (dir string, err error) {
	root, err := f.root()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	w, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = w.Write(content)
	return dir, errors.Join(err, w.Close())
}

func (f *folder) root() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path != "" {
		return f.path, nil
	}
	if err := os.MkdirAll(f.parent, 0o700); err != nil {
		return "", err
	}
	for {
		path, err := os.MkdirTemp(f.parent, folderPrefix+"*")
		if err != nil {
			return "", err
		}
		lock, err := lockFolder(path)
		if err != nil {
			return "", errors.Join(fmt.Errorf("lock %q: %w", path, err), os.RemoveAll(path))
		}
		if lock != nil {
			f.path, f.lock = path, lock
			return path, nil
		} // Somebody took it for a leftover before it was locked: make another.
	}
}

// Close removes the folder with all that is in it.
func (f *folder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path == "" {
		return nil
	}
	err := removeLocked(f.path, f.lock)
	f.path, f.lock = "", nil
	return err
}

// removeTree removes a directory, also where a script has taken the right to do so from directories in it.
func removeTree(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700) // in time: a directory is read after it was seen
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// removeLeftovers removes the folders of this user whose process has died.
func removeLeftovers(parent string) error {
	found, err := os.ReadDir(parent)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var errs []error
	for _, entry := range found {
		info, err := entry.Info()
		if err != nil || !info.IsDir() || !strings.HasPrefix(info.Name(), folderPrefix) || !ours(info) {
			continue
		}
		path := filepath.Join(parent, info.Name())
		if lock, err := seizeFolder(path); err == nil && lock != nil {
			errs = append(errs, removeLocked(path, lock))
		}
	}
	return errors.Join(errs...)
}
