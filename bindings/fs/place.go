package fs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// place is where a path leads: a name within a directory that is held open, so that neither a link nor a renamed
// directory can make the name mean something outside.
type place struct {
	path string // for messages
	root *os.Root
	name string
	// alone is set when the grant is this one file: then no link may stand in its place.
	alone bool
	// whole is set when the grant is not narrowed.
	whole bool
}

// purpose says what is to be done with the last name of a path.
type purpose int

const (
	follow  purpose = iota // use what it names, through links
	itself                 // replace or remove the name, whatever it is
	deepest                // make it, and the directories above it
)

// find checks a path against the grant and opens the directory that it is in. The caller closes the place.
func (m *module) find(grant, path string, why purpose) (*place, error) {
	full, err := m.absolute(path)
	if err != nil {
		return nil, err
	}
	c, err := m.covering(grant, full)
	if err != nil {
		return nil, err
	}
	p := &place{path: full}
	dir, name, err := p.split(c, why)
	if err != nil {
		return nil, p.fail("open", err)
	}
	if p.root, err = os.OpenRoot(dir); err != nil {
		return nil, p.fail("open", err)
	}
	p.name = name
	if p.alone && why == follow && grant == readGrant {
		return p.followGranted()
	}
	return p, nil
}

// split decides which directory is held open. What a grant itself names is trusted as it is spelt; what lies below
// is not.
func (p *place) split(c cover, why purpose) (dir, name string, err error) {
	switch {
	case c.own:
		dir, err = c.path, os.MkdirAll(c.path, 0o700)
	case c.whole:
		p.whole = true
		dir = p.anywhere(why)
	default:
		dir, err = p.granted(c.path, why)
	}
	if err != nil {
		return "", "", err
	}
	name, err = filepath.Rel(dir, p.path)
	return dir, name, err
}

// granted picks the directory for a narrowed grant: the one that it names, or that of the file that it names.
func (p *place) granted(path string, why purpose) (string, error) {
	if why == deepest {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	found, err := os.Stat(path)
	switch {
	case err == nil && found.IsDir():
		return path, nil
	case path == p.path:
		p.alone = true
		return filepath.Dir(path), nil
	case err == nil:
		return "", errNotDir
	}
	return "", err
}

// anywhere picks the directory for a grant without bounds, in which links may lead wherever they like.
func (p *place) anywhere(why purpose) string {
	if why == follow {
		if real, err := filepath.EvalSymlinks(p.path); err == nil {
			p.path = real
		}
	}
	dir := filepath.Dir(p.path)
	for why == deepest && dir != filepath.Dir(dir) {
		if found, err := os.Stat(dir); err == nil && found.IsDir() {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// followGranted goes to the file that a granted link names, as /etc/os-release is one, provided that nobody else
// could have laid the link.
func (p *place) followGranted() (*place, error) {
	found, err := p.root.Lstat(p.name)
	if err != nil || found.Mode()&fs.ModeSymlink == 0 {
		return p, nil // opening it tells
	}
	defer p.close()
	if dir, err := p.root.Stat("."); err != nil || !exclusive(dir) {
		return nil, p.outside("open")
	}
	real, err := filepath.EvalSymlinks(p.path)
	if err != nil {
		return nil, p.fail("open", err)
	}
	root, err := os.OpenRoot(filepath.Dir(real))
	if err != nil {
		return nil, p.fail("open", err)
	}
	return &place{path: p.path, root: root, name: filepath.Base(real), alone: true}, nil
}

func (p *place) close() {
	_ = p.root.Close() // it was only looked through
}

// openFile opens a regular file and nothing else. Flags are os.O_RDONLY or os.O_WRONLY, and os.O_APPEND, os.O_CREATE,
// os.O_TRUNC.
func (p *place) openFile(flags int) (*os.File, error) {
	f, err := p.openSame(flags &^ os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	found, err := f.Stat()
	switch {
	case err != nil:
	case found.IsDir():
		err = bindings.Fail("is_dir", "it is a directory")
	case !found.Mode().IsRegular():
		err = bindings.Fail("not_file", "it is not a regular file")
	case flags&os.O_TRUNC != 0:
		err = f.Truncate(0)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openSame opens the name, and sees where it led.
func (p *place) openSame(flags int) (*os.File, error) {
	f, err := p.openName(flags | openFlags)
	if err != nil {
		return nil, err
	}
	if in, err := p.inside(f); err != nil || !in {
		return nil, errors.Join(p.outside("open"), err, f.Close())
	}
	return f, nil
}

// openName opens the name; a granted file only as the very thing that stands there, not through a link.
func (p *place) openName(flags int) (*os.File, error) {
	if !p.alone {
		return p.root.OpenFile(p.name, flags, 0o600)
	}
	before, err := p.root.Lstat(p.name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && flags&os.O_CREATE != 0:
		return p.root.OpenFile(p.name, flags|os.O_EXCL, 0o600)
	case err != nil:
		return nil, err
	case before.Mode()&fs.ModeSymlink != 0:
		return nil, p.outside("open")
	}
	f, err := p.root.OpenFile(p.name, flags&^os.O_CREATE, 0)
	if err != nil {
		return nil, err
	}
	if after, err := f.Stat(); err != nil || !os.SameFile(before, after) {
		return nil, errors.Join(p.outside("open"), err, f.Close())
	}
	return f, nil
}

func (p *place) stat() (fs.FileInfo, error) {
	if p.alone {
		return p.root.Lstat(p.name)
	}
	return p.root.Stat(p.name)
}

// entries lists a directory by name, up to a number of names.
func (p *place) entries(most int) ([]fs.DirEntry, error) {
	if p.alone {
		return nil, errNotDir
	}
	dir, err := p.openSame(os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	if is, err := dir.Stat(); err == nil && !is.IsDir() {
		return nil, errors.Join(errNotDir, dir.Close())
	}
	found, err := dir.ReadDir(most)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	slices.SortFunc(found, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return found, errors.Join(err, dir.Close())
}

// kind names a file's type in one word.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "file"
	case mode.IsDir():
		return "dir"
	case mode&fs.ModeSymlink != 0:
		return "link"
	}
	return "other"
}
