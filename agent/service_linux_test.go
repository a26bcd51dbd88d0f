package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// manager stands in for a user's systemd: it starts what the unit names, tells which process that is, and ends it. What
// the real one does with the unit, scripts/systemd/service.sh tries.
const manager = `#!/bin/sh
unit=$HOME/.config/systemd/user/borealis-agent.service
alive() { readlink "/proc/$pid/exe" >/dev/null; } # a zombie has none
pid=$(cat "$HOME/manager.pid" 2>/dev/null); alive || pid=0
end() { [ "$pid" = 0 ] || { kill "$pid"; while alive; do sleep 0.05; done; pid=0; }; }
while :; do case $1 in --no-ask-password | --user) shift ;; *) break ;; esac; done
case $1 in
show)
  [ -e "$unit" ] && echo LoadState=loaded || echo LoadState=not-found
  [ "$pid" != 0 ] && echo ActiveState=active
  echo "MainPID=$pid" ;;
start | restart)
  [ "$1" = restart ] && end
  [ "$pid" != 0 ] || { setsid sh -c "exec $(sed -n 's/^ExecStart=//p' "$unit")" </dev/null >/dev/null 2>&1 & echo $! >"$HOME/manager.pid"; } ;;
stop | disable) end ;;
esac
`

// account is a user with a home, in which a service may be installed.
type account struct {
	t    *testing.T
	home string
	from string // the folder that the programs are installed from
}

func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{t: t, home: t.TempDir()}
	dir, err := built()
	must(t, err)
	a.from = dir
	must(t, os.MkdirAll(filepath.Join(a.home, "bin"), 0o755))
	must(t, os.WriteFile(filepath.Join(a.home, "bin", "systemctl"), []byte(manager), 0o755))
	t.Cleanup(func() {
		if pid := a.pid(); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL) // a failed test's
		}
	})
	return a
}

func (a *account) environment() []string {
	return []string{
		"HOME=" + a.home, "PATH=" + filepath.Join(a.home, "bin") + ":/usr/bin:/bin", "XDG_CONFIG_HOME=" + filepath.Join(a.home, ".config"),
		"BOREALIS_SEAL_KEY_FILE=" + filepath.Join(a.home, ".local", "state", "borealis-agent", "seal.key"),
	}
}

// service runs a command of `borealis-agent service`, as that user.
func (a *account) service(args ...string) (string, error) {
	return a.command(append([]string{"service"}, args...)...)
}

// command runs the agent's program, as that user.
func (a *account) command(args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(a.from, "borealis-agent"), args...)
	cmd.Env = a.environment()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (a *account) do(args ...string) string {
	a.t.Helper()
	out, err := a.service(args...)
	if err != nil {
		a.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

func (a *account) pid() int {
	text, _ := os.ReadFile(filepath.Join(a.home, "manager.pid"))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// files are what lies in the home, folders and the manager apart.
func (a *account) files() (all []string) {
	a.t.Helper()
	must(a.t, filepath.WalkDir(a.home, func(path string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(a.home, path)
		if err == nil && !d.IsDir() && rel != "bin/systemctl" && rel != "manager.pid" {
			all = append(all, rel)
		}
		return err
	}))
	return all
}

func TestAServiceIsInstalledAndLeavesNothing(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{})
	a := newAccount(t)
	root := filepath.Join(t.TempDir(), "root.pem")
	must(t, os.WriteFile(root, e.RootPEM(), 0o600))

	if out, err := a.service("status", "--user"); err == nil {
		t.Errorf("status of nothing: %s", out)
	}
	if out, err := a.service("install", "--user"); err == nil || !strings.Contains(out, "--engine") {
		t.Errorf("without an Engine: %v: %s", err, out)
	}
	a.do("install", "--user", "--engine", e.URL(), "--engine-ca", root, "--enrollment-code", e.Code())
	unit, err := os.ReadFile(filepath.Join(a.home, ".config/systemd/user/borealis-agent.service"))
	must(t, err)
	if strings.Contains(string(unit), e.Code()) || !strings.Contains(string(unit), "--engine-ca "+filepath.Join(a.home, ".local")) {
		t.Errorf("unit: %s", unit)
	}
	var s struct {
		PID     int
		Answers bool
	}
	must(t, json.Unmarshal([]byte(a.do("status", "--user", "--json")), &s))
	first := a.pid()
	if !s.Answers || s.PID != first {
		t.Errorf("status %+v, and the manager has process %d", s, first)
	}

	// Again, from nothing but what is installed: nothing changes, and whom to trust is not forgotten.
	a.do("install", "--user")
	if again, err := os.ReadFile(filepath.Join(a.home, ".config/systemd/user/borealis-agent.service")); err != nil || string(again) != string(unit) {
		t.Errorf("unit became %s, %v", again, err)
	}
	if a.pid() != first {
		t.Error("an agent that had nothing new to learn was started again")
	}
	a.do("restart", "--user")
	if a.pid() == first {
		t.Error("not restarted")
	}

	a.do("uninstall", "--user", "--keep-data")
	if kept := a.files(); !slices.ContainsFunc(kept, func(f string) bool { return strings.Contains(f, "Identity") }) {
		t.Errorf("kept: %q", kept)
	}
	a.do("install", "--user")
	a.do("uninstall", "--user")
	if left := a.files(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if !strings.Contains(a.do("uninstall", "--user"), "no service is installed") {
		t.Error("uninstalled twice")
	}
}

// TestPlacesOfOthersAreRefused, and nothing is made in them.
func TestPlacesOfOthersAreRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only for root there are others")
	}
	a := newAccount(t)
	loose, theirs := filepath.Join(t.TempDir(), "loose"), filepath.Join(t.TempDir(), "theirs")
	must(t, os.Mkdir(loose, 0o755))
	must(t, os.Chmod(loose, 0o1777)) // nobody can take from us there, but everybody can put something beside it
	must(t, os.Mkdir(theirs, 0o755))
	must(t, os.Chown(theirs, 65534, 65534))
	for _, args := range [][]string{
		{"--programs", loose}, {"--programs", filepath.Join(theirs, "lib")}, {"--home", loose}, {"--home", filepath.Join(theirs, "home")},
	} {
		out, err := a.service(append([]string{"install", "--user", "--engine", "https://localhost:1"}, args...)...)
		if err == nil || !strings.Contains(out, "chmod go-w") && !strings.Contains(out, "chown root") {
			t.Errorf("%v: %v: %s", args, err, out)
		}
	}
	if made := a.files(); len(made) > 0 {
		t.Errorf("made: %q", made)
	}
	for _, dir := range []string{loose, theirs} {
		if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
			t.Errorf("made in %s: %v, %v", dir, made, err)
		}
	}
}

// TestAnAgentWithoutItsWorkerIsNotInstalled has half of the programs.
func TestAnAgentWithoutItsWorkerIsNotInstalled(t *testing.T) {
	a := newAccount(t)
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(a.from)))
	a.from = dir
	must(t, os.Remove(filepath.Join(dir, "borealis-worker")))
	out, err := a.service("install", "--user", "--engine", "https://localhost:1")
	if err == nil || !strings.Contains(out, "worker") {
		t.Errorf("without a worker: %v: %s", err, out)
	}
	if made := a.files(); len(made) > 0 {
		t.Errorf("made: %q", made)
	}
}
