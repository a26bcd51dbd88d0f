package reload

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// maxFile is the largest role file that is read; the world refuses the same size with the same words.
const maxFile = 256 << 10

// roleFile is upstream's naming, in any case; a role's tests lie beside it and are no role.
var roleFile = regexp.MustCompile(`(?i)^role_.+\.lua$`)

var testFile = regexp.MustCompile(`(?i)_test\.lua$`)

// file is a file as one look found it.
type file struct {
	text []byte
	sum  [sha256.Size]byte
	err  error // why it may not be used; sum then names the reason, so that a look tells reasons apart
}

// version is the beginning of the SHA-256, for people.
func (f file) version() string { return fmt.Sprintf("%x", f.sum[:6]) }

func (f file) same(g file) bool { return f.sum == g.sum }

// snapshot is the watched directory as one look found it.
type snapshot struct {
	roles map[string]file // by file name
	libs  map[string]file // by path below the directory, such as "lib/text.lua"
	err   error           // the directory itself could not be read
}

// look reads the directory. It is opened anew at each look, since it may be replaced as a whole; nothing outside of it
// is reached, whatever links lie in it.
func look(dir string, owned func(fs.FileInfo) error) snapshot {
	s := snapshot{roles: map[string]file{}, libs: map[string]file{}}
	if err := parents(dir, owned); err != nil {
		s.err = err
		return s
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		s.err = err
		return s
	}
	defer root.Close()
	s.err = errors.Join(s.readRoles(root, owned), s.readLibs(root, "lib", owned))
	return s
}

func (s snapshot) readRoles(root *os.Root, owned func(fs.FileInfo) error) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); roleFile.MatchString(name) && !testFile.MatchString(name) && !e.IsDir() {
			s.roles[name] = read(root, name, owned)
		}
	}
	return nil
}

func (s snapshot) readLibs(root *os.Root, dir string, owned func(fs.FileInfo) error) error {
	entries, err := fs.ReadDir(root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			err = errors.Join(err, s.readLibs(root, name, owned))
		case strings.HasSuffix(name, ".lua"):
			s.libs[name] = read(root, name, owned)
		}
	}
	return err
}

// read opens a file once and checks and reads what it opened.
func read(root *os.Root, name string, owned func(fs.FileInfo) error) file {
	text, err := readChecked(root, name, owned)
	if err != nil {
		return file{err: err, sum: sha256.Sum256([]byte(err.Error()))}
	}
	return file{text: text, sum: sha256.Sum256(text)}
}

func readChecked(root *os.Root, name string, owned func(fs.FileInfo) error) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := examine(f)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	if err := owned(info); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := passage(root, name, owned); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: larger than %d bytes", name, maxFile)
	}
	return text, err
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
	for above := false; ; above = true {
		if err := checkFolder(dir, above, owned); err != nil {
			return err
		}
		if filepath.Dir(dir) == dir {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

// passage checks the folders between the directory and a file of it, where a helper lies or where a link leads.
func passage(root *os.Root, name string, owned func(fs.FileInfo) error) error {
	if info, err := root.Lstat(name); err != nil || path.Dir(name) == "." && info.Mode()&fs.ModeSymlink == 0 {
		return err
	}
	top, err := filepath.EvalSymlinks(root.Name())
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(filepath.Join(top, name))
	if err != nil {
		return err
	}
	below, err := filepath.Rel(top, filepath.Dir(real))
	for ; err == nil && below != "."; below = filepath.Dir(below) {
		err = checkFolder(filepath.Join(top, below), false, owned)
	}
	return err
}

func checkFolder(dir string, above bool, owned func(fs.FileInfo) error) error {
	info, err := examineFolder(dir, above)
	if err != nil {
		return err
	}
	if err := owned(info); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}
