package sandbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// lua51 finds the reference implementation: Debian's lua5.1.
func lua51(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("lua5.1")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("lua5.1 is missing: the project's CI must install it")
		}
		t.Skip("SKIPPED: no lua5.1 here, so nothing is compared with the reference")
	}
	return path
}

// TestConform runs ordinary scripts that assert what Lua 5.1 says.
func TestConform(t *testing.T) {
	files, err := filepath.Glob("testdata/conform/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := newBox(DefaultLimits()).run(t.Context(), string(source), file); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestConformReference runs the same scripts with the reference, so that they cannot claim what it does not do.
func TestConformReference(t *testing.T) {
	files, err := filepath.Glob("testdata/conform/*.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if out, err := exec.Command(lua51(t), file).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}
