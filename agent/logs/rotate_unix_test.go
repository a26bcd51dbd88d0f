//go:build unix

package logs

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A user who may write the folder must not be able to lead the agent's lines elsewhere, or hold the agent up.
func TestNothingButAPlainFileIsWritten(t *testing.T) {
	for name, plant := range map[string]func(path, secret string) error{
		"link":     func(path, secret string) error { return os.Symlink(secret, path) },
		"dangling": func(path, _ string) error { return os.Symlink(filepath.Join(filepath.Dir(path), "gone"), path) },
		"fifo":     func(path, _ string) error { return unix.Mkfifo(path, 0o666) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "shadow")
			if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			l := open(t, dir, newClock("2026-02-03 10:00:00"), nil)
			if err := plant(filepath.Join(dir, "rdp.log"), secret); err != nil {
				t.Fatal(err)
			}
			l.Service("rdp").Info("where does it go?")
			if got := read(t, secret); got != "secret\n" {
				t.Errorf("written through: %q", got)
			}
			if exists(t, filepath.Join(dir, "gone")) {
				t.Error("made the link's target")
			}
		})
	}
}

func TestAFolderThatLeadsOutIsRefused(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "VPN_Tunnel")); err != nil {
		t.Fatal(err)
	}
	open(t, dir, newClock("2026-02-03 10:00:00"), nil).Service("VPN_Tunnel/tunnel").Info("x")
	if got := logFiles(t, outside); len(got) != 0 {
		t.Errorf("made %q outside", got)
	}
}
