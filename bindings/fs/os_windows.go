package fs

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

const openFlags = 0

// misspelt refuses the spellings that Windows takes for something else than they look like.
func misspelt(path string) string {
	if len(path) >= 2 && path[1] == ':' {
		if len(path) == 2 || !os.IsPathSeparator(path[2]) {
			return "a drive letter without a directory is not accepted"
		}
		path = path[3:]
	} else if path != "" && os.IsPathSeparator(path[0]) {
		return "network, device and driveless paths are not accepted"
	}
	if strings.Contains(path, ":") {
		return "a stream is not accepted"
	}
	for _, e := range elements(path) {
		if e != "." && e != ".." && strings.TrimRight(e, ". ") != e {
			return "a name that ends in a dot or a space is not accepted"
		}
	}
	return ""
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
