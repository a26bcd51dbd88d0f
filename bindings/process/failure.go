package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// startFailure says why a program could not be started.
func startFailure(o order, err error) error {
	var known *bindings.Error
	if errors.As(err, &known) {
		return err
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	code := "failed"
	switch {
	case errors.Is(err, os.ErrNotExist):
		code = "not_found"
	case errors.Is(err, os.ErrPermission):
		code = "permission"
	case errors.Is(err, syscall.E2BIG):
		code = "invalid"
	}
	return bindings.Fail(code, "program %q: %w", o.path, err)
}

// checkDir refuses a working directory that is none, which a start would report as if the program were missing.
func checkDir(dir string) error {
	if dir == "" {
		return nil
	}
	if !filepath.IsAbs(dir) {
		return bindings.Misused("option cwd: %q is not an absolute path", dir)
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%q: not a directory", dir)
	}
	if err != nil {
		return bindings.Fail("no_cwd", "cwd: %w", err)
	}
	return nil
}
