package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
)

// programs of the whole agent, built once as they are shipped.
var built = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "agent-"); err != nil {
		return "", err
	}
	_, errAgent := workertest.Program(dir, "borealis-agent", "./agent")
	_, errWorker := workertest.Build(dir)
	return dir, errors.Join(errAgent, errWorker)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := built(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// device is a whole agent, as a process, in a tree of its own.
type device struct {
	t        testing.TB
	engine   *enginetest.Engine
	home     string
	root     string // the file with the Engine's root
	url      string // where the agent finds the Engine: the Engine's own, unless a test says otherwise
	cmd      *exec.Cmd
	exited   chan struct{}
	log      *syncBuffer
	asUser   bool   // in mode CURRENTUSER
	strict   bool   // the policy counts; else every role gets what it declares
	programs string // where the agent and its worker lie; the shipped ones by default
}

type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newDevice prepares a tree whose only roles are the ones named here; none means the shipped ones.
func newDevice(t testing.TB, e *enginetest.Engine, roles map[string]string) *device {
	t.Helper()
	d := &device{t: t, engine: e, url: e.URL(), home: t.TempDir(), root: filepath.Join(t.TempDir(), "root.pem")}
	if err := os.WriteFile(d.root, e.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, text := range roles {
		d.save(file, text)
	}
	return d
}

func (d *device) roles() string { return filepath.Join(d.home, "Roles") }

func (d *device) save(file, text string) {
	d.t.Helper()
	// Whole or not at all: on a busy machine a file could rest half-written for longer than a reload lets it settle.
	path, half := filepath.Join(d.roles(), file), filepath.Join(d.roles(), ".half")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(half, []byte(text), 0o644), os.Rename(half, path)); err != nil {
		d.t.Fatal(err)
	}
}

// start starts the agent; the end of the test ends it.
func (d *device) start(args ...string) {
	d.t.Helper()
	dir, err := built()
	if err != nil {
		d.t.Fatal(err)
	}
	if d.programs != "" {
		dir = d.programs
	}
	if !d.strict {
		args = append(args, "--allow-all-grants")
	}
	d.log, d.exited = &syncBuffer{}, make(chan struct{})
	if !d.asUser {
		args = append([]string{"--system-service"}, args...) // in front: a test may say otherwise
	}
	d.cmd = exec.Command(filepath.Join(dir, "borealis-agent"), append([]string{
		"run", "--home", d.home, "--engine-ca", d.root, "--enrollment-code", d.engine.Code(),
	}, args...)...)
	d.cmd.Env = append(os.Environ(), "BOREALIS_SERVER_URL="+d.url, "BOREALIS_SEAL_KEY_FILE="+d.root+".seal")
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		d.cmd.Wait()
		close(d.exited)
	}()
	d.t.Cleanup(d.stop)
}

// kill ends the agent as a power cut would.
func (d *device) kill() {
	d.t.Helper()
	must(d.t, d.cmd.Process.Kill())
	<-d.exited
}

// stop tells the agent to end, and sees it end within the five seconds that it has.
func (d *device) stop() {
	d.t.Helper()
	d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(20 * time.Second): // five, and room for a busy machine
		d.cmd.Process.Kill()
		<-d.exited
		d.t.Errorf("the agent did not end:\n%s", d.log)
	}
	if d.t.Failed() {
		d.t.Logf("agent:\n%s", d.log)
	}
}

// roleSeen is a role in status.json.
type roleSeen struct {
	Name, File, State, Version, Reason string
	PID                                int
	Refusal                            *struct{ Reason, Version string } `json:"last_refusal"`
	Lockdown                           string
	Weak, Withheld                     []string
}

// status reads status.json; what is not there yet is empty.
func (d *device) status() (s struct {
	Connected bool   `json:"connected"`
	GUID      string `json:"guid"`
	AgentID   string `json:"agent_id"`
	PID       int    `json:"pid"`
	Outbox    int    `json:"outbox"`
	Roles     []roleSeen
},
) {
	text, err := os.ReadFile(filepath.Join(d.home, "Agent", "Borealis", "Settings", "status.json"))
	if err == nil {
		json.Unmarshal(text, &s)
	}
	return s
}

// patience is for a busy machine: nothing here takes a second.
const patience = 30 * time.Second

// until waits for something to hold.
func (d *device) until(what string, holds func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("waited in vain for %s: %+v\n%s", what, d.status(), d.log)
		}
	}
}

// serving waits until the device is connected and a role serves under the device's final name.
func (d *device) serving(file string) {
	d.t.Helper()
	d.until(file+" to serve", func() bool {
		s := d.status()
		if !s.Connected || !d.engine.Connected(s.AgentID) {
			return false
		}
		for _, r := range s.Roles {
			if r.File == file && r.State == "running" {
				return true
			}
		}
		return false
	})
}

// served is how a role stands in status.json.
func (d *device) served(file string) roleSeen {
	for _, r := range d.status().Roles {
		if r.File == file {
			return r
		}
	}
	return roleSeen{}
}

func (d *device) run(job enginetest.Job) enginetest.Result {
	d.t.Helper()
	return d.result(d.send(job))
}

// result waits for a job's result.
func (d *device) result(id int64) enginetest.Result {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	result, err := d.engine.Result(ctx, id)
	if err != nil {
		d.t.Fatal(err)
	}
	return result
}

func (d *device) send(job enginetest.Job) int64 {
	d.t.Helper()
	if job.TargetHostname == "" {
		job.TargetHostname, _ = os.Hostname()
	}
	id, err := d.engine.Send(job)
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheWholeWay(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")

	r := d.run(enginetest.Job{Script: []byte(`echo "hi $GREETING"; echo oops >&2; exit 3`), Environment: map[string]string{"GREETING": "tern"}})
	if r.Status != "Failed" || r.Stdout != "hi tern\n" || !strings.HasPrefix(r.Stderr, "oops\n[borealis] exit_code=3 ") {
		t.Errorf("%+v", r)
	}
	if r := d.run(enginetest.Job{Script: []byte("printf 'zażółć'"), Context: map[string]any{"scheduled_job_id": 9.0}}); r.Status != "Success" || r.Stdout != "zażółć" || r.Context["scheduled_job_id"] != 9.0 {
		t.Errorf("%+v", r)
	}
	guid := d.status().GUID
	d.until("a heartbeat", func() bool { return len(e.Heartbeats(guid)) > 0 })
	if devices := e.Devices(); len(devices) != 1 || devices[0].GUID != guid {
		t.Errorf("devices: %+v", devices)
	}
	if r := d.served("role_ScriptExec_SYSTEM.lua"); r.Lockdown != "full" || len(r.Weak) > 0 {
		t.Errorf("the worker is not locked down: %v", r.Weak)
	}

	d.stop()
	d.start() // keeps what it was
	d.serving("role_ScriptExec_SYSTEM.lua")
	if len(e.Devices()) != 1 || d.status().GUID != guid {
		t.Errorf("after a restart: %+v", e.Devices())
	}
}

func TestWhatTheGateRefusesIsAnsweredAndNeverRun(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	key := filepath.Join(d.home, "Agent", "Borealis", "Settings", "server_signing_key.pub")
	stored, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	touched := filepath.Join(t.TempDir(), "touched")
	script := []byte("touch " + touched)
	foreignKey, foreignSignature := foreign(script)
	for name, tamper := range map[string]func(map[string]any){
		"unsigned":      func(p map[string]any) { delete(p, "signature") },
		"bad signature": func(p map[string]any) { p["signature"] = foreignSignature },
		"own key":       func(p map[string]any) { p["signature"], p["signing_key"] = foreignSignature, foreignKey },
		"other script":  func(p map[string]any) { p["script_content"] = "dG91Y2ggL3RtcC94" },
		"no base64":     func(p map[string]any) { p["script_content"] = "*" },
		"algorithm":     func(p map[string]any) { p["sig_alg"] = "none" },
		"admin":         func(p map[string]any) { p["run_mode"] = "admin" },
		"no user":       func(p map[string]any) { p["run_mode"] = "current_user" },
	} {
		if r := d.run(enginetest.Job{Script: script, Tamper: tamper}); r.Status != "Failed" || r.Stdout != "" || r.Stderr == "" || strings.Contains(r.Stderr, "\n") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	other := d.send(enginetest.Job{Script: script, TargetHostname: "another-host"})
	if r := d.run(enginetest.Job{Script: []byte("true")}); r.Status != "Success" {
		t.Errorf("the next job: %+v", r)
	}
	if r := e.Results(other); len(r) > 0 {
		t.Errorf("another host's job was answered: %+v", r)
	}
	if _, err := os.Stat(touched); err == nil {
		t.Error("a refused job ran")
	}
	if now, _ := os.ReadFile(key); string(now) != string(stored) {
		t.Error("the stored key changed")
	}
}

func TestAJobThatSleepsDelaysNothing(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true, PingInterval: 200 * time.Millisecond})
	d := newDevice(t, e, nil)
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	slow := d.send(enginetest.Job{Script: []byte("sleep 3; echo slow")})
	quick := d.run(enginetest.Job{Script: []byte("echo quick")})
	if quick.Stdout != "quick\n" || len(e.Results(slow)) != 0 {
		t.Fatalf("quick %+v, slow %+v", quick, e.Results(slow))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if r, err := e.Result(ctx, slow); err != nil || r.Stdout != "slow\n" {
		t.Fatalf("%+v, %v", r, err)
	}
}

func TestAJobsTimeoutEndsItsWholeTree(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	r := d.run(enginetest.Job{TimeoutSeconds: 1, Script: []byte("echo begun; setsid sleep 300 & echo $!; sleep 300")})
	if r.Status != "Failed" || !strings.HasPrefix(r.Stdout, "begun\n") || !strings.Contains(r.Stderr, "timed_out=yes") {
		t.Fatalf("%+v", r)
	}
	var stray int
	fmt.Sscanf(r.Stdout, "begun\n%d", &stray)
	d.until("the stray to be gone", func() bool { return gone(stray) || zombie(stray) })
}

// zombie says whether a process is over and only waits for its parent to notice.
func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text), ") Z ")
}

func TestTheEndEndsEverything(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	stopped := filepath.Join(t.TempDir(), "stopped")
	d := newDevice(t, e, map[string]string{"role_a.lua": `ROLE_NAME = "a"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "process" }
local Role = {}
function Role:register_events(events)
  events:on("quick_job_run", function(job) process.run_script("sh", job.script) end)
end
function Role:stop_all() process.run({ "touch", "` + stopped + `" }) end
return Role
`})
	d.start()
	d.serving("role_a.lua")
	mark := filepath.Join(t.TempDir(), "pid")
	d.send(enginetest.Job{Script: []byte("echo $$ > " + mark + "; sleep 300")})
	var child int
	d.until("the job to run", func() bool {
		text, _ := os.ReadFile(mark)
		fmt.Sscan(string(text), &child)
		return child > 0
	})
	worker := d.status().Roles[0].PID
	d.stop()
	if _, err := os.Stat(stopped); err != nil {
		t.Error("stop_all did not run:", err)
	}
	for name, pid := range map[string]int{"worker": worker, "job": child} {
		if !zombie(pid) {
			t.Errorf("the %s is left", name)
		}
	}
}

func TestARoleIsReloadedWhileTheAgentRuns(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	path := filepath.Join(d.roles(), "role_ScriptExec_SYSTEM.lua")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(text), "stdout = stdout,", `stdout = "edited " .. stdout,`, 1)
	d.save("role_ScriptExec_SYSTEM.lua", edited)
	d.until("the edit to serve", func() bool { return d.run(enginetest.Job{Script: []byte("echo x")}).Stdout == "edited x\n" })
	d.save("role_ScriptExec_SYSTEM.lua", strings.Replace(edited, "return Role", "", 1))
	d.until("the refusal", func() bool { return d.served("role_ScriptExec_SYSTEM.lua").Refusal != nil })
	if reason := d.served("role_ScriptExec_SYSTEM.lua").Refusal.Reason; !strings.Contains(reason, "role_ScriptExec_SYSTEM.lua:") || !strings.Contains(reason, "return Role") {
		t.Errorf("refused with %q", reason)
	}
	if r := d.run(enginetest.Job{Script: []byte("echo x")}); r.Stdout != "edited x\n" {
		t.Errorf("%+v", r)
	}
}

func TestJobsThatNobodyAnswersAreAnswered(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_a.lua": `ROLE_NAME = "a"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "engine" }
local Role = {}
function Role:register_events(events)
  events:on("quick_job_run", function(job)
    if job.script == "answer" then engine.emit("quick_job_result", { job_id = job.job_id, status = "Success", stdout = "true", stderr = "" }) end
    error("broken")
  end)
end
return Role
`})
	d.start()
	d.serving("role_a.lua")
	if r := d.run(enginetest.Job{Script: []byte("x")}); r.Status != "Failed" || !strings.Contains(r.Stderr, "role_a.lua:8: broken") {
		t.Errorf("%+v", r)
	}
	answered := d.send(enginetest.Job{Script: []byte("answer")})
	if r := d.run(enginetest.Job{Script: []byte("y")}); r.Status != "Failed" {
		t.Errorf("%+v", r)
	}
	if all := e.Results(answered); len(all) != 1 || all[0].Status != "Success" {
		t.Errorf("an answered job was answered again: %+v", all)
	}
	if err := os.Remove(filepath.Join(d.roles(), "role_a.lua")); err != nil {
		t.Fatal(err)
	}
	d.until("the role to stop", func() bool { return d.status().Roles[0].State == "stopped" })
	if r := d.run(enginetest.Job{Script: []byte("x")}); !strings.Contains(r.Stderr, "no role on this device runs script jobs") {
		t.Errorf("%+v", r)
	}
}

// TestWhatNobodyHearsHoldsUpNothing sends many events that the Engine has no handler for, and so never acknowledges: the
// result behind them must not wait for the pings that tell of them: the Engine's next is 25 s away.
func TestWhatNobodyHearsHoldsUpNothing(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_a.lua": `ROLE_NAME = "a"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "engine" }
local Role = {}
function Role:register_events(events)
  events:on("quick_job_run", function(job)
    for i = 1, 200 do engine.emit("nobody_listens", { n = i }) end
    engine.emit("quick_job_result", { job_id = job.job_id, status = "Success", stdout = "", stderr = "" })
  end)
end
return Role
`})
	d.start()
	d.serving("role_a.lua")
	if r := d.run(enginetest.Job{Script: []byte("y")}); r.Status != "Success" {
		t.Fatalf("%+v", r)
	}
}

func TestTwoAgentsOfOneModeAreOneTooMany(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	second := *d
	second.start()
	select {
	case <-second.exited:
	case <-time.After(patience):
		t.Fatal("the second agent runs")
	}
	if !strings.Contains(second.log.String(), "SYSTEM") || second.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("exit status %d: %s", second.cmd.ProcessState.ExitCode(), second.log)
	}
}
