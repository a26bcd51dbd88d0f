//go:build unix

package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestTheSocketIsTheOwnersOnly(t *testing.T) {
	at := place(t)
	start(t, at, echo)
	info, err := os.Lstat(at.path())
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

// Modes that somebody loosened do not let another user in: he is asked who he is.
func TestAnotherUserIsTurnedAway(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become another user")
	}
	// Where any user gets to: not below a folder of root's own.
	dir, err := os.MkdirTemp("/tmp", "control-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	at := Place{dir, "SYSTEM"}
	start(t, at, echo)
	program := filepath.Join(dir, "ask")
	text, err := os.ReadFile(os.Args[0])
	if err := errors.Join(err, os.WriteFile(program, text, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	ask := func(uid uint32) string {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), askEnv+"="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		return string(said)
	}
	if got := ask(65534); !strings.Contains(got, ErrDenied.Error()) {
		t.Errorf("the socket's mode: %s", got)
	}
	if err := os.Chmod(at.path(), 0o777); err != nil {
		t.Fatal(err)
	}
	if got := ask(65534); got != ErrDenied.Error() {
		t.Errorf("the peer's identity: %s", got)
	}
	if got := ask(0); got != "<nil>" {
		t.Errorf("root: %s", got)
	}
}

func TestALongHomeHasASocketToo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 40))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	at := Place{dir, "SYSTEM"}
	stop := start(t, at, echo)
	bound, err := os.Readlink(at.path())
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Dir(bound))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its folder: %v, %v", info.Mode(), err)
	}
	stop()
	for _, left := range []string{at.path(), bound, filepath.Dir(bound)} {
		if _, err := os.Lstat(left); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("left: %q", left)
		}
	}
}

// An agent that was killed leaves its socket; the next one takes the place, and clients in between hear that there is
// no agent.
func TestWhatAKilledAgentLeavesIsReplaced(t *testing.T) {
	for name, dir := range map[string]string{"short": t.TempDir(), "long": filepath.Join(t.TempDir(), strings.Repeat("x", maxPath))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		at := Place{dir, "SYSTEM"}
		bound, err := short(at.path())
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: bound, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := Call(t.Context(), at, "echo", nil, nil); !errors.Is(err, ErrNoAgent) {
			t.Errorf("%s: before: %v", name, err)
		}
		start(t, at, echo)
	}
}

func TestAFileInTheSocketsPlaceIsKept(t *testing.T) {
	at := place(t)
	if err := os.WriteFile(at.path(), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), Config{Place: at}); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(at.path()); err != nil || string(text) != "mine" {
		t.Errorf("the file: %q, %v", text, err)
	}
}
