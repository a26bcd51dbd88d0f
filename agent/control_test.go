package main_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// statusSeen is what a program reads of status --json.
type statusSeen struct {
	Agents []struct {
		Running      bool
		Mode         string
		PID          int
		GUID         string
		Connected    bool
		LogLevel     string `json:"log_level"`
		TokenExpires int64  `json:"token_expires"`
		Roles        []roleSeen
		Tunnels      []any
		Trust        string
		Mend         string
		LastErrors   []struct{ Error, Mend string } `json:"last_errors"`
	}
}

func (d *device) ask(args ...string) said {
	d.t.Helper()
	return commandIn(d.t.(*testing.T), []string{"BOREALIS_SEAL_KEY_FILE=" + d.root + ".seal"}, append(args, "--home", d.home)...)
}

func (d *device) seen(args ...string) (s statusSeen, code int) {
	d.t.Helper()
	answer := d.ask(append([]string{"status", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(answer.out), &s); err != nil {
		d.t.Fatalf("%v: %+v", err, answer)
	}
	return s, answer.status
}

func TestStatusTellsOfARunningAgentAndOfOneThatRan(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	if said := d.ask("status"); said.status != 1 || !strings.Contains(said.err, "no agent has run in") {
		t.Errorf("before the first start: %+v", said)
	}
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	s, code := d.seen()
	if len(s.Agents) != 1 || code != 0 {
		t.Fatalf("exit status %d, %+v", code, s)
	}
	a := s.Agents[0]
	if !a.Running || !a.Connected || a.PID != d.cmd.Process.Pid || a.GUID != d.status().GUID || a.Mode != "SYSTEM" ||
		a.Trust != "pinned" || a.TokenExpires == 0 || len(a.Roles) == 0 || a.Tunnels == nil {
		t.Errorf("%+v", a)
	}
	text := d.ask("status", "--mode", "SYSTEM").ok(t)
	for _, row := range []string{`mode SYSTEM, process \d+, up`, `enrollment +enrolled`, `Engine +https://\S+, connected`, `token +received \S+ ago, good for 1\dm`, `(?s)health:.*script_exec_system +\w+, \d+ events handled`, `script_exec_system +running`} {
		if !regexp.MustCompile(row).MatchString(text) {
			t.Errorf("no %q in:\n%s", row, text)
		}
	}
	if said := d.ask("status", "--mode", "CURRENTUSER"); said.status != 1 || !strings.Contains(said.err, "no agent runs in mode CURRENTUSER") || said.out != "" {
		t.Errorf("of the other mode: %+v", said)
	}

	watch := exec.CommandContext(t.Context(), d.cmd.Path, "status", "--json", "--watch", "--home", d.home)
	out, err := watch.StdoutPipe()
	if err := errors.Join(err, watch.Start()); err != nil {
		t.Fatal(err)
	}
	defer watch.Wait()
	defer watch.Process.Kill()
	watched := json.NewDecoder(out)
	next := func() (s statusSeen) {
		t.Helper()
		if err := watched.Decode(&s); err != nil || len(s.Agents) != 1 {
			t.Fatalf("%+v, %v", s, err)
		}
		return s
	}
	if first, second := next(), next(); !first.Agents[0].Running || !second.Agents[0].Running {
		t.Errorf("%+v, %+v", first, second)
	}
	d.stop()
	for next().Agents[0].Running {
	}
	if s, code := d.seen(); code != 1 || len(s.Agents) != 1 || s.Agents[0].Running || s.Agents[0].GUID != a.GUID {
		t.Errorf("afterwards: exit status %d, %+v", code, s)
	}
	if said := d.ask("status"); said.status != 1 || !strings.Contains(said.out, "does not run") || !strings.Contains(said.err, "no agent runs") {
		t.Errorf("afterwards: %+v", said)
	}
}

func TestStatusNamesTheTroubleAndItsMend(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.start("--enrollment-code", "WRONG-CODE")
	d.until("the first status", func() bool { return d.status().PID > 0 })
	d.until("the mend", func() bool {
		s, code := d.seen()
		return code == 0 && strings.Contains(s.Agents[0].Mend, "make a new enrollment code")
	})
	if text := d.ask("status").ok(t); !regexp.MustCompile(`(?m)^  mend +make a new enrollment code`).MatchString(text) {
		t.Errorf("no mend in:\n%s", text)
	}
}

func TestTheLogLevelChangesWhileTheAgentRuns(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_a.lua": `ROLE_NAME = "a"
ROLE_CONTEXTS = { "system" }
local Role = {}
function Role:on_config(roles) log.debug("heard " .. #roles) end
return Role
`})
	if said := d.ask("log-level", "debug"); said.status != 1 {
		t.Errorf("without an agent: %+v", said)
	}
	d.start()
	d.serving("role_a.lua")
	heard := func(n int) {
		t.Helper()
		if err := e.Emit("", "agent_config", map[string]any{"roles": make([]int, n)}); err != nil {
			t.Fatal(err)
		}
	}
	heard(1)
	if got := d.ask("log-level").ok(t); got != "INFO\n" {
		t.Errorf("at first: %q", got)
	}
	if got := d.ask("log-level", "debug", "--json").ok(t); got != `{"level":"DEBUG"}`+"\n" {
		t.Errorf("got %q", got)
	}
	heard(2)
	d.until("the role's word", func() bool { return strings.Contains(d.log.String(), "heard 2") })
	if strings.Contains(d.log.String(), "heard 1") {
		t.Error("the level was that low before")
	}
	if text, err := os.ReadFile(filepath.Join(d.home, "Agent", "Logs", "a.log")); err != nil || !strings.Contains(string(text), "-a-heard 2 level=DEBUG") {
		t.Errorf("the role's own log: %q, %v", text, err)
	}
	d.stop()
	d.start()
	d.serving("role_a.lua")
	if s, _ := d.seen(); s.Agents[0].LogLevel != "INFO" {
		t.Errorf("after a restart: %+v", s)
	}
	if said := d.ask("log-level", "loud"); said.status == 0 || !strings.Contains(said.err, `but got "loud"`) {
		t.Errorf("%+v", said)
	}
}
