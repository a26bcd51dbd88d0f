// Package workertest builds the worker program for the tests of the packages that start it.
package workertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Main builds the worker, runs a package's tests with its path, and removes it again. It is for TestMain.
func Main(run func(worker string) int) {
	os.Exit(main(run))
}

func main(run func(worker string) int) int {
	dir, err := os.MkdirTemp("", "worker-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	worker, err := Build(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run(worker)
}

// Build builds the worker as it is shipped into dir and gives its path. Without cgo, always: the lockdown of all
// threads needs that.
func Build(dir string) (string, error) {
	return Program(dir, "borealis-worker", "./agent/worker")
}

// Program builds one of the module's programs into dir.
func Program(dir, name, pkg string) (string, error) {
	_, here, _, _ := runtime.Caller(0)
	path := filepath.Join(dir, name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Dir = filepath.Join(filepath.Dir(here), "..", "..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}
