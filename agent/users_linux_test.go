package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/session/sessiontest"
)

// Two users that every Debian has, and who never log in by themselves.
const (
	nobody = 65534
	games  = 5
)

// office is a machine with a logind of the test's own, and an agent in mode SYSTEM on it.
type office struct {
	*device
	logind *sessiontest.Logind
}

func newOffice(t *testing.T) office {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may serve other users")
	}
	bus := sessiontest.Bus(t)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", bus)
	o := office{logind: sessiontest.NewLogind(t, bus)}
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	o.device = newDevice(t, e, nil)
	o.start()
	o.serving("role_ScriptExec_SYSTEM.lua")
	return o
}

// login is a session on the machine's seat.
func (o office) login(id, user string, uid uint32, active bool) {
	state := map[bool]string{true: "active", false: "online"}[active]
	o.logind.Put(id, sessiontest.Seated(user, uid, map[string]any{"Type": "tty", "Active": active, "State": state}))
}

func (o office) userID() string {
	return strings.Replace(o.status().AgentID, "_SYSTEM", "_CURRENTUSER", 1)
}

func (o office) user(script string) enginetest.Result {
	o.t.Helper()
	return o.run(enginetest.Job{Script: []byte(script), RunMode: "current_user"})
}

// servedAs waits until jobs for the user run as one user.
func (o office) servedAs(uid int) {
	o.t.Helper()
	o.until(fmt.Sprintf("jobs to run as %d", uid), func() bool {
		return o.engine.Connected(o.userID()) && o.user("id -u").Stdout == fmt.Sprintln(uid)
	})
}

func TestAJobOfTheUsersRunsInTheSessionThatCounts(t *testing.T) {
	o := newOffice(t)
	if r := o.user("id"); r.Status != "Failed" || r.Stderr != "no user is logged in" {
		t.Errorf("without a user: %+v", r)
	}

	o.login("2", "nobody", nobody, true)
	o.servedAs(nobody)
	job := o.send(enginetest.Job{Script: []byte("id -u; id -G; echo $USER $XDG_SESSION_ID"), RunMode: "current_user"})
	if r := o.result(job); r.Status != "Success" || r.Stdout != "65534\n65534\nnobody 2\n" {
		t.Errorf("as the user: %+v", r)
	}
	if r := o.run(enginetest.Job{Script: []byte("id -u")}); r.Stdout != "0\n" {
		t.Errorf("as the machine: %+v", r)
	}
	if r := o.engine.Results(job); len(r) != 1 {
		t.Errorf("both halves answered: %+v", r)
	}

	// A job that runs while its user is switched away from runs on, and new ones are the other user's.
	flag := filepath.Join(t.TempDir(), "flag")
	os.Chmod(filepath.Dir(flag), 0o755)
	os.Chmod(filepath.Dir(filepath.Dir(flag)), 0o755)
	long := o.send(enginetest.Job{Script: []byte("until [ -e " + flag + " ]; do sleep 0.05; done; id -u"), RunMode: "current_user"})
	o.until("the job to be listed once", func() bool { l := o.jobs(); return len(l) == 1 && l[0].State == "running" })
	o.login("2", "nobody", nobody, false)
	o.login("3", "games", games, true)
	o.servedAs(games)
	must(t, os.WriteFile(flag, nil, 0o644))
	if r := o.result(long); r.Stdout != "65534\n" {
		t.Errorf("the job from before the switch: %+v", r)
	}

	o.logind.Remove("2")
	long = o.send(enginetest.Job{Script: []byte("sleep 1000"), RunMode: "current_user"})
	o.until("the job to run", func() bool { l := o.jobs(); return len(l) == 1 && l[0].State == "running" })
	o.logind.Remove("3")
	if r := o.result(long); r.Status != "Failed" || !strings.Contains(r.Stderr, "the user's session has ended") {
		t.Errorf("a job whose user logged out: %+v", r)
	}
	o.until("the user to have left", func() bool { return !o.engine.Connected(o.userID()) })
	if r := o.user("id"); r.Status != "Failed" || r.Stderr != "no user is logged in" {
		t.Errorf("after the logout: %+v", r)
	}
}

func TestTheHostOfASessionComesBackAndLeavesNothing(t *testing.T) {
	o := newOffice(t)
	o.login("2", "nobody", nobody, true)
	o.servedAs(nobody)
	host := func() int {
		r := o.user("ps -o ppid= -p $$")
		pid, err := strconv.Atoi(strings.TrimSpace(r.Stdout))
		if err != nil {
			t.Fatalf("%+v", r)
		}
		return pid
	}
	first := host()
	o.logind.Put("2", sessiontest.Seated("nobody", nobody, map[string]any{"Type": "tty", "LockedHint": true}))
	if again := host(); again != first {
		t.Errorf("host %d became %d by locking", first, again)
	}
	must(t, syscall.Kill(first, syscall.SIGKILL))
	o.until("another host", func() bool { r := o.user("id -u"); return r.Stdout == "65534\n" })
	second := host()
	if second == first {
		t.Errorf("a dead host serves")
	}
	o.stop()
	if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", second)); err == nil && len(line) > 0 {
		t.Errorf("the host outlived the agent: %q", line)
	}
}

// Whoever has the mode serves the user: then the other is silent.
func TestAnAgentThatTheUserRunsIsNotDisturbed(t *testing.T) {
	o := newOffice(t)
	own := *o.device // in the same tree
	own.start("--system-service=false")
	o.until("the user's own agent", func() bool { return o.engine.Connected(o.userID()) })
	o.login("2", "nobody", nobody, true)
	job := o.send(enginetest.Job{Script: []byte("id -u"), RunMode: "current_user"})
	if r := o.result(job); r.Stdout != "0\n" { // who runs it here is root
		t.Errorf("%+v", r)
	}
	if r := o.engine.Results(job); len(r) != 1 {
		t.Errorf("both answered: %+v", r)
	}
	own.stop()
	o.servedAs(nobody)
}
