package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSystemdHasNothingToSay has systemd's own parser read the units.
func TestSystemdHasNothingToSay(t *testing.T) {
	for _, s := range []Service{machine(), odd()} {
		s.Program, s.Dir = "/bin/true", t.TempDir()
		text, err := s.unit()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), s.Name+".service")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"verify", "--recursive-errors=no", path}
		if s.User {
			args = append([]string{"--user"}, args...)
		}
		cmd := exec.Command("systemd-analyze", args...)
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), path) || strings.Contains(string(out), s.Name) {
			t.Errorf("systemd-analyze: %v\n%s", err, out)
		}
	}
}
