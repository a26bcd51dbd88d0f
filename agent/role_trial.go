package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// roleTestCmd runs the tests beside roles. Its file is not named after it, since Go takes role_test.go for a test.
type roleTestCmd struct {
	JSON  bool     `name:"json" help:"Print JSON instead of text."`
	Paths []string `arg:"" optional:"" name:"path" help:"Role files, their tests, or folders of them; this folder by default."`
}

func (c *roleTestCmd) Help() string {
	return `Examples:
  borealis-agent role test
  borealis-agent role test role_hello.lua
  borealis-agent role test --json /opt/borealis/Roles

The tests of role_hello.lua are the functions test_...(t) of role_hello_test.lua beside it; borealis-agent docs test tells
what t offers. Neither an agent nor an Engine is needed, and nothing of the machine is touched. The exit status is 1 when a
test fails.`
}

// Run runs the tests of each role and then says whether all passed.
func (c *roleTestCmd) Run() error {
	files, err := tests(c.Paths)
	if err != nil {
		return err
	}
	return withWorkers(func(ctx context.Context, nursery *role.Nursery) error { return c.test(ctx, nursery, files) })
}

func (c *roleTestCmd) test(ctx context.Context, nursery *role.Nursery, files []string) (err error) {
	answers, bad := []answer{}, 0
	for _, file := range files {
		a := testFile(ctx, nursery, file)
		if !a.OK {
			bad++
		}
		if answers = append(answers, a); !c.JSON {
			fmt.Print(a)
		}
	}
	if c.JSON {
		err = writeJSON(os.Stdout, answers)
	}
	if bad > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d roles did not pass", bad, len(files)))
	}
	return err
}

// tests finds the roles that paths mean and that have tests.
func tests(paths []string) (files []string, err error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, roleOf(path))
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), testSuffix) {
				files = append(files, roleOf(filepath.Join(path, e.Name())))
			}
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no file %s in %q", "*"+testSuffix, paths)
	}
	return slices.Compact(files), nil
}

// roleOf is the role whose file, or whose tests, are at path.
func roleOf(path string) string {
	if base, ok := strings.CutSuffix(path, testSuffix); ok {
		return base + ".lua"
	}
	return path
}

func testFile(ctx context.Context, nursery *role.Nursery, file string) answer {
	a := answer{At: time.Now(), File: file}
	s, err := readSuite(file)
	if err != nil {
		a.Problems = []flaw{{Text: fmt.Sprintf("%s: %v", file, err)}}
		return a
	}
	tests, problems := try(ctx, nursery, s)
	a.Tests, a.Problems = tests, sources(s).flaws(problems)
	a.OK, a.Millis = len(problems) == 0 && a.failed() == 0, millis(time.Since(a.At))
	return a
}
