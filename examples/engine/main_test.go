package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"borealis-engine": main, "fake-agent": fakeAgent})
}

// TestScripts runs the program as its users do.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await},
	})
}

// TestDemo runs the demo with the agent of this tree.
func TestDemo(t *testing.T) {
	bin := t.TempDir()
	for name, path := range map[string]string{"borealis-agent": "../../agent", "borealis-worker": "../../agent/worker"} {
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, name), path)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", build.Args, err, out)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/demo", RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await},
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", env.Getenv("PATH")+string(filepath.ListSeparator)+bin)
			return nil
		},
	})
}

// await waits for a file: what runs in the background writes it when it is ready.
func await(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(filepath.FromSlash(args[0]))
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s does not appear", args[0])
		}
	}
}
