package fs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

var errNotDir = bindings.Fail("not_dir", "it is not a directory")

// fail gives a failure the shape that roles meet: what was done to which path, and one word for the reason.
func (p *place) fail(verb string, err error) error {
	if err != nil && p.escaped(err) {
		return p.outside(verb)
	}
	return fail(verb, p.path, err)
}

// outside is what a link out of the grant meets.
func (p *place) outside(verb string) error {
	return bindings.Fail("denied", "%s %q: a link leads out of what is granted", verb, p.path)
}

// escaped reports whether the root refused a path for leading out of it. The reason has no exported name, so the
// root is asked for it once more.
func (p *place) escaped(err error) bool {
	if p.root == nil {
		return false
	}
	_, refusal := p.root.Lstat("..")
	var known *os.PathError
	return errors.As(refusal, &known) && errors.Is(err, known.Err)
}

func fail(verb, path string, err error) error {
	if err == nil {
		return nil
	}
	var told *bindings.Error
	if errors.As(err, &told) {
		if told.Code == "denied" {
			return told
		}
		return bindings.Fail(told.Code, "%s %q: %w", verb, path, told)
	}
	return bindings.Fail(code(err), "%s %q: %w", verb, path, cause(err))
}

// cause drops the operation and the path that the system's errors repeat.
func cause(err error) error {
	var path *os.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

func code(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "not_found"
	case notEmpty(err):
		return "not_empty"
	case errors.Is(err, fs.ErrExist):
		return "exists"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "permission"
	case errors.Is(err, fs.ErrClosed):
		return "closed"
	case errors.Is(err, syscall.ENOTDIR):
		return "not_dir"
	case errors.Is(err, syscall.EISDIR):
		return "is_dir"
	case otherDevice(err):
		return "other_device"
	case diskFull(err):
		return "full"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "failed"
}

// absent reports whether there simply is none.
func absent(err error) bool {
	var told *bindings.Error
	return errors.Is(err, fs.ErrNotExist) || errors.As(err, &told) && told.Code == "not_found"
}
