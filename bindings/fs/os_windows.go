package fs

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

const openFlags = 0

// inside reports whether the system's own name for an open file lies below its name for the granted directory: what no
// rule of spelling has foreseen shows there.
func (p *place) inside(f *os.File) (bool, error) {
	if p.whole {
		return true, nil
	}
	root, err := p.root.Open(".")
	if err != nil {
		return false, err
	}
	dir, err := finalPath(root)
	if err = errors.Join(err, root.Close()); err != nil {
		return false, err
	}
	path, err := finalPath(f)
	return within(dir, path), err
}

// finalPath is where an open file is, with all links, short names and substituted drives resolved.
func finalPath(f *os.File) (string, error) {
	name := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetFinalPathNameByHandle(windows.Handle(f.Fd()), &name[0], uint32(len(name)), 0)
	if err != nil {
		return "", &os.PathError{Op: "find", Path: f.Name(), Err: err}
	}
	return windows.UTF16ToString(name[:min(int(n), len(name))]), nil
}

func diskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

func otherDevice(err error) bool { return errors.Is(err, windows.ERROR_NOT_SAME_DEVICE) }

func notEmpty(err error) bool { return errors.Is(err, windows.ERROR_DIR_NOT_EMPTY) }

// held reports whether somebody who may let go of it soon has the file open: a reader, or a scanner.
func held(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_SHARING_VIOLATION)
}

// exclusive is not told from an access list yet, so that no link of a granted file is followed.
func exclusive(os.FileInfo) bool { return false }

// keepOwner has nothing to do: a new file inherits from its directory.
func keepOwner(*os.File, os.FileInfo) error { return nil }

// renameBetween renames by path, which only a grant without bounds allows: nothing holds a path together meanwhile.
func renameBetween(from, to *place) error {
	if from.whole || to.whole {
		return os.Rename(from.path, to.path)
	}
	return bindings.Fail("unsupported", "both names must lie in one granted directory on Windows")
}
