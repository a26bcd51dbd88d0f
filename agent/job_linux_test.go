package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// jobSeen is a job as job list --json tells of it.
type jobSeen struct {
	ID    string `json:"job_id"`
	Name  string `json:"script_name"`
	Type  string `json:"script_type"`
	Role  string
	State string
	Since int64
}

func (d *device) jobs() (list []jobSeen) {
	d.t.Helper()
	if err := json.Unmarshal([]byte(d.ask("job", "list", "--json").ok(d.t.(*testing.T))), &list); err != nil {
		d.t.Fatal(err)
	}
	return list
}

// enrolled is a device that has its name already, and so does not renew its roles once it has been given one.
func enrolled(t testing.TB) *device {
	t.Helper()
	d := newDevice(t, enginetest.Start(t, enginetest.Config{AutoApprove: true}), nil)
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	d.stop()
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	return d
}

// count is how many jobs are in a state.
func count(list []jobSeen, state string) (n int) {
	for _, j := range list {
		if j.State == state {
			n++
		}
	}
	return n
}

// answered waits for a job's result and checks that there is one only.
func (d *device) answered(id int64) enginetest.Result {
	d.t.Helper()
	d.until(fmt.Sprintf("an answer to job %d", id), func() bool { return len(d.engine.Results(id)) > 0 })
	all := d.engine.Results(id)
	if len(all) != 1 {
		d.t.Errorf("job %d was answered %d times", id, len(all))
	}
	return all[0]
}

func TestEightJobsRunAtATimeAndTheRestWaitInOrder(t *testing.T) {
	d := enrolled(t)
	dir := t.TempDir()
	var ids []int64
	for i := range 20 {
		script := fmt.Sprintf(`echo %d >> %s/order; until [ -e %s/go ]; do sleep 0.02; done`, i, dir, dir)
		ids = append(ids, d.send(enginetest.Job{Script: []byte(script), ScriptName: fmt.Sprintf("job %d", i)}))
	}
	d.until("eight to run", func() bool { return count(d.jobs(), "running") == 8 && count(d.jobs(), "waiting") == 12 })
	for i, j := range d.jobs() {
		if j.ID != fmt.Sprint(ids[i]) || j.Name != fmt.Sprintf("job %d", i) || j.Type != "bash" || j.Role != "script_exec_system" || j.Since == 0 {
			t.Errorf("job %d: %+v", i, j)
		}
	}
	text := d.ask("job", "list").ok(t)
	if !regexp.MustCompile(fmt.Sprintf(`(?m)^%d +waiting +\S+ +bash +script_exec_system +job 19$`, ids[19])).MatchString(text) {
		t.Errorf("got\n%s", text)
	}
	if s := d.ask("status").ok(t); !strings.Contains(s, "12 waiting, 8 under way: runs job ") {
		t.Errorf("status:\n%s", s)
	}
	if out := d.run(enginetest.Job{RunMode: "current_user", Script: []byte("x")}); !strings.Contains(out.Stderr, "no user") {
		t.Errorf("what waits holds up another answer: %+v", out)
	}
	touch(t, dir+"/go")
	for _, id := range ids {
		if r := d.answered(id); r.Status != "Success" {
			t.Errorf("%+v", r)
		}
	}
	if left := d.jobs(); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
	if said := d.ask("job", "list").ok(t); said != "no job runs, and none waits\n" {
		t.Errorf("got %q", said)
	}
}

func TestAnOperatorEndsJobs(t *testing.T) {
	d := enrolled(t)
	dir := t.TempDir()
	long := []byte(fmt.Sprintf(`trap '' TERM; setsid sleep 1000 & echo $! >> %s/pids; echo so far; sleep 1000`, dir))
	var ids []int64
	for range 10 {
		ids = append(ids, d.send(enginetest.Job{Script: long}))
	}
	d.until("eight to run", func() bool { return len(lines(dir+"/pids")) == 8 })

	waiting := ids[9]
	d.ask("job", "cancel", fmt.Sprint(waiting)).ok(t)
	if r := d.answered(waiting); r.Status != "Failed" || !strings.Contains(r.Stderr, "cancelled by an operator") {
		t.Errorf("%+v", r)
	}
	// The version that runs them is replaced meanwhile, and only drains.
	d.touchUp("role_ScriptExec_SYSTEM.lua")
	for _, id := range ids[:9] {
		d.ask("job", "cancel", fmt.Sprint(id)).ok(t)
		r := d.answered(id)
		if id != ids[8] && (r.Status != "Failed" || r.Stdout != "so far\n" || !strings.Contains(r.Stderr, "signal=SIGKILL") || !strings.Contains(r.Stderr, "cancelled=yes")) {
			t.Errorf("%+v", r)
		}
	}
	for _, line := range lines(dir + "/pids") {
		var pid int
		fmt.Sscan(line, &pid)
		if !gone(pid) && !zombie(pid) {
			t.Errorf("process %d lives", pid)
		}
	}
	if said := d.ask("job", "cancel", "123456"); said.status != 1 || !strings.Contains(said.err, `job "123456": no such job`) {
		t.Errorf("%+v", said)
	}
}

// touchUp saves a role with a comment more, and waits until the new version serves.
func (d *device) touchUp(file string) {
	d.t.Helper()
	before := d.served(file).Version
	d.save(file, string(content(d.t, d.roles()+"/"+file))+"\n-- touched\n")
	d.until("the edit to serve", func() bool { return d.served(file).Version != before })
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func content(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// lines are those of a file that may not be there yet.
func lines(path string) []string {
	text, _ := os.ReadFile(path)
	return strings.Fields(string(text))
}

func TestALuaJobRunsInAWorldOfItsOwn(t *testing.T) {
	d := enrolled(t)
	const script = `local done = assert(process.run({ "echo", env.GREETING }))
print("zażółć " .. done.stdout)`
	r := d.run(enginetest.Job{ScriptType: "lua", Script: []byte(script), Environment: map[string]string{"greeting": "tern"}})
	if r.Status != "Success" || r.Stdout != "zażółć tern\n\n" || !strings.HasPrefix(r.Stderr, "[borealis] exit_code=0 ") {
		t.Errorf("%+v", r)
	}
	r = d.run(enginetest.Job{ScriptType: "lua", Script: []byte("print('so far')\nerror('no')")})
	if r.Status != "Failed" || r.Stdout != "so far\n" || !strings.HasPrefix(r.Stderr, "script.lua:2: no\n[borealis] exit_code=1 ") {
		t.Errorf("%+v", r)
	}
	r = d.run(enginetest.Job{ScriptType: "lua", TimeoutSeconds: 1, Script: []byte("timer.sleep(1000)")})
	if r.Status != "Failed" || !strings.Contains(r.Stderr, "exit_code=-1 signal=none") || !strings.Contains(r.Stderr, "timed_out=yes") {
		t.Errorf("%+v", r)
	}
	if n := len(started(d.cmd.Process.Pid)); n > len(d.status().Roles) {
		t.Errorf("%d programs of the agent are left", n)
	}
}

func TestAJobsFilesLieBesideIt(t *testing.T) {
	d := enrolled(t)
	files := func(name string) func(map[string]any) {
		return func(payload map[string]any) {
			payload["files"] = []any{map[string]any{"file_name": name, "size": 5, "mime_type": "text/plain", "data": "dGVybgo="}}
		}
	}
	r := d.run(enginetest.Job{Script: []byte(`cat "$(dirname "$0")/a file.txt"`), Tamper: files("a file.txt")})
	if r.Status != "Success" || r.Stdout != "tern\n" {
		t.Errorf("%+v", r)
	}
	r = d.run(enginetest.Job{Script: []byte(`echo ran`), Tamper: files("../escaped")})
	if r.Status != "Failed" || r.Stdout != "" || !strings.Contains(r.Stderr, "../escaped") {
		t.Errorf("%+v", r)
	}
}

func TestTheEngineCannotCancelAsAnOperatorDoes(t *testing.T) {
	d := enrolled(t)
	dir := t.TempDir()
	id := d.send(enginetest.Job{Script: []byte("echo x > " + dir + "/begun; until [ -e " + dir + "/go ]; do sleep 0.02; done; echo done")})
	d.until("the job to run", func() bool { return len(lines(dir+"/begun")) == 1 })
	if err := d.engine.Emit("", "job_cancel", map[string]any{"job_id": id}); err != nil {
		t.Fatal(err)
	}
	// What the Engine says is heard in order: once this is answered, the other would have been.
	if r := d.run(enginetest.Job{Script: []byte("echo hi")}); r.Status != "Success" {
		t.Errorf("%+v", r)
	}
	touch(t, dir+"/go")
	if r := d.answered(id); r.Status != "Success" || r.Stdout != "done\n" {
		t.Errorf("%+v", r)
	}
}

// TestAnEngineThatShowsProgressIsTold has a job with a field that only later Engines send.
func TestAnEngineThatShowsProgressIsTold(t *testing.T) {
	d := enrolled(t)
	stop := t.TempDir() + "/stop"
	id := d.send(enginetest.Job{
		Script: []byte(fmt.Sprintf(`echo so far; while [ ! -e %s ]; do sleep 0.05; done; echo and the rest`, stop)),
		Tamper: func(job map[string]any) { job["activity_kind"] = "quick_job" },
	})
	var told struct {
		ID     int64 `json:"job_id"`
		Status string
		Stdout string
		Append bool `json:"append_output"`
	}
	d.until("progress", func() bool {
		for _, ev := range d.engine.Events() {
			if ev.Event == "quick_job_progress" {
				return json.Unmarshal(ev.Data, &told) == nil
			}
		}
		return false
	})
	if told.ID != id || told.Status != "Running" || told.Stdout != "so far\n" || !told.Append {
		t.Errorf("%+v", told)
	}
	touch(t, stop)
	if r := d.answered(id); r.Status != "Success" || r.Stdout != "so far\nand the rest\n" {
		t.Errorf("%+v", r)
	}
}
