package process

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// folderPrefix is how the names of private folders begin.
const folderPrefix = "process-"

// folder is a private directory of one role: locked while its role lives, so that one that a crash left behind is told
// from one in use, whichever process looks. It is made when it is first needed.
type folder struct {
	parent string
	// passage lets others through to what is theirs; they cannot list it.
	passage bool

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

// run makes the directory of one run with a script in it and files beside it, all closed to others from their first
// byte and in the end for who alone. The files' names must have been checked.
func (f *folder) run(name, script string, text []byte, files map[string][]byte, who *account) (dir string, err error) {
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
	if err := newFile(filepath.Join(dir, script), text, who); err != nil {
		return "", err
	}
	for file, content := range files {
		if err := newFile(filepath.Join(dir, file), content, who); err != nil {
			return "", err
		}
	}
	return dir, who.takeDir(dir)
}

func newFile(path string, content []byte, who *account) error {
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return errors.Join(err, who.take(w), w.Close())
}

// checkFiles refuses names that are not those of one file each, on this system and any other, beside the script's own.
func checkFiles(script string, files map[string][]byte) error {
	seen := map[string]string{strings.ToLower(script): script}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		plain := name != "." && filepath.Base(name) == name && !strings.ContainsAny(name, `/\`)
		if !plain || len(name) > maxFileName || bindings.Unix.Trouble(name) != "" || bindings.Windows.Trouble(name) != "" {
			return bindings.Fail("invalid", "files: %.300q cannot name a file beside a script", name)
		}
		if other, taken := seen[strings.ToLower(name)]; taken {
			return bindings.Fail("invalid", "files: %q is %q on some systems", name, other)
		}
		seen[strings.ToLower(name)] = name
	}
	return nil
}

// maxFileName is the longest name, in bytes, that every usual file system takes.
const maxFileName = 255

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
			if f.passage {
				return path, os.Chmod(path, 0o711)
			}
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

// removeTree removes a directory, also where a script has taken the right to do so from directories in it. Root has
// that right always, and must not be led elsewhere by a link while it walks through another user's directory.
func removeTree(dir string) error {
	if err := os.RemoveAll(dir); err == nil || os.Geteuid() == 0 {
		return err
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
