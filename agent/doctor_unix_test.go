//go:build unix

package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// What others may read is told and left: mending it in silence would hide that the secrets were open.
func TestTheDoctorTellsOfLooseModes(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{})
	d := newDevice(t, e, map[string]string{"role_a.lua": "return {}"})
	d.settingsFile("server_url.txt", e.URL())
	d.settingsFile("refresh.token", "x")
	token := filepath.Join(d.home, "Agent", "Borealis", "Settings", "refresh.token")
	role := filepath.Join(d.roles(), "role_a.lua")
	for path, step := range map[string]string{filepath.Dir(token): "settings", token: "settings", role: "roles"} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if step == "roles" && os.Geteuid() != 0 {
			continue // the system itself draws that line for other users' agents
		}
		loose := info.Mode().Perm() | 0o066
		if err := os.Chmod(path, loose); err != nil {
			t.Fatal(err)
		}
		found, code := d.doctor()
		if f := found[step]; code != 1 || f.State != "fail" || !strings.Contains(f.Seen, path) || f.Mend == "" {
			t.Errorf("%s: %+v", path, found)
		}
		if now, err := os.Stat(path); err != nil || now.Mode().Perm() != loose {
			t.Errorf("%s was mended: %v, %v", path, now.Mode(), err)
		}
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

// A server that takes connections and says nothing holds the doctor up; ended while it waits, it leaves no copy of the
// settings.
func TestADoctorThatIsEndedLeavesNoCopy(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	d := &device{t: t, home: t.TempDir()}
	// The tree is reached over links, as an operator may have moved it.
	d.settingsFile("server_url.txt", "https://"+silent.Addr().String())
	moved := filepath.Join(t.TempDir(), "moved")
	place := filepath.Join(d.home, "Agent", "Borealis")
	if err := os.Rename(place, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(moved, place); err != nil {
		t.Fatal(err)
	}
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	cmd := exec.Command(filepath.Join(dir, "borealis-agent"), "doctor", "--home", d.home)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // of tcp, and of certificate, in which it waits
		c, err := silent.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "borealis-doctor-*")); len(left) != 1 {
		t.Errorf("while it looks: %v", left)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("ended with %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
