// Package workertest builds the worker program for the tests of the packages that start it.
package workertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// Main builds the worker, runs a package's tests with its path, and fails them for what they left running. It is for
// TestMain.
func Main(m *testing.M, worker *string) { os.Exit(run(m, worker)) }

func run(m *testing.M, worker *string) (code int) {
	dir, err := os.MkdirTemp("", "worker-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if *worker, err = Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code = m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Build builds the worker as it is shipped into dir and gives its path. Without cgo, always: the lockdown of all
// threads needs that.
func Build(dir string) (string, error) {
	return Program(dir, "borealis-worker", "./agent/worker")
}

// Old builds a worker that cannot be locked down completely, as on a Linux without landlock, and gives its path.
func Old(dir string) (string, error) {
	if _, err := Program(dir, "real-worker", "./agent/worker"); err != nil {
		return "", err
	}
	return Program(dir, "borealis-worker", "./agent/worker/workertest/oldkernel")
}

// Program builds one of the module's programs into dir. Where there is no Go, as under Wine, it takes the one that was
// built into the directory which BOREALIS_TEST_PROGRAMS names.
func Program(dir, name, pkg string) (string, error) {
	_, here, _, _ := runtime.Caller(0)
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if built := os.Getenv("BOREALIS_TEST_PROGRAMS"); built != "" {
		return filepath.Join(built, name), nil
	}
	path := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Dir = filepath.Join(filepath.Dir(here), "..", "..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// PSS reads what the kernel counts as a process's own memory, its share of what it shares included, in KiB. Linux only.
func PSS(tb testing.TB, pid int) int {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib int
		if _, err := fmt.Sscanf(line, "Pss: %d", &kib); err == nil {
			return kib
		}
	}
	tb.Fatal("no Pss line")
	return 0
}
