package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/all"
	"github.com/bunny-lab-io/borealis-agent/bindings/pure"
)

// testSuffix is what the name of the tests beside a role ends with.
const testSuffix = "_test.lua"

// suiteLimit is how long the tests of one role may take; they have a clock of their own, and need no time.
const suiteLimit = 2 * time.Minute

// errNoTests is a role without tests beside it.
var errNoTests = errors.New("there are no tests beside the role")

// testsOf is where the tests of a role's file stand.
func testsOf(file string) string { return strings.TrimSuffix(file, filepath.Ext(file)) + testSuffix }

// readSuite reads a role's file, its tests and the helpers of lib beside them.
func readSuite(file string) (s role.Suite, err error) {
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return s, err
	}
	defer root.Close()
	read := func(name string) (contract.Source, error) {
		text, err := readLua(root.FS(), filepath.Base(name))
		return contract.Source{File: name, Text: text}, err
	}
	if s.Role, err = read(file); err != nil {
		return s, err
	}
	if s.Libs, err = readHelpers(root.FS()); err != nil {
		return s, err
	}
	if s.Tests, err = read(testsOf(file)); errors.Is(err, fs.ErrNotExist) {
		err = errNoTests
	}
	return s, err
}

// mostLua is the largest file of Lua that an agent takes.
const mostLua = 256 << 10

// readLua reads a file that may be anything.
func readLua(dir fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(dir, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", name)
	case info.Size() > mostLua:
		return nil, fmt.Errorf("%s: larger than %d bytes", name, mostLua)
	}
	return fs.ReadFile(dir, name)
}

func readHelpers(dir fs.FS) (libs []contract.Source, err error) {
	err = fs.WalkDir(dir, "lib", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || path.Ext(name) != ".lua" {
			return err
		}
		text, err := readLua(dir, name)
		libs = append(libs, contract.Source{File: name, Text: text})
		return err
	})
	return libs, err
}

// trying are the bindings of a role under test that its worker does not have itself, and which of them are carried
// out: in a directory of the test's own, so that nothing of the machine is touched.
func trying() (list []bindings.Binding, carriedOut []string) {
	carriedOut = []string{"store", "x509"}
	fake := pure.Fake()
	for _, b := range carried(all.List()) {
		if slices.Contains(carriedOut, b.Name) {
			list = append(list, b)
		} else if !slices.ContainsFunc(fake, func(f bindings.Binding) bool { return f.Name == b.Name }) {
			list = append(list, idle([]bindings.Binding{b})...)
		}
	}
	return list, carriedOut
}

// try runs the tests beside a role's file, and says what is wrong with them or with it.
func try(ctx context.Context, nursery *role.Nursery, s role.Suite) (tests []tested, problems []string) {
	dir, err := os.MkdirTemp("", "borealis-test-")
	if err != nil {
		return nil, []string{err.Error()}
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeoutCause(ctx, suiteLimit, fmt.Errorf("the tests took longer than %v", suiteLimit))
	defer cancel()
	list, carriedOut := trying()
	outcomes, err := role.Trial{Workers: nursery, Bindings: list, Carried: carriedOut, Dir: dir}.Run(ctx, s)
	about := sources(s)
	for _, o := range outcomes {
		t := tested{Name: o.Test, OK: o.Problem == "", Millis: millis(o.Lasted), Printed: o.Printed}
		if !t.OK {
			p := about.flaw(o.Problem)
			t.Problem = &p
		}
		tests = append(tests, t)
	}
	var refused *role.RefusedError
	switch {
	case errors.As(err, &refused):
		return tests, refused.Problems
	case err != nil:
		return tests, []string{err.Error()}
	case len(outcomes) == 0:
		return nil, []string{s.Tests.File + ":1: there is no function test_..."}
	}
	return tests, nil
}
