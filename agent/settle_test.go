package main_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// quarantined makes a role's file quarantined since before the agent starts.
func (d *device) quarantined(file, name, text string) {
	d.t.Helper()
	d.save(file, text)
	sum := sha256.Sum256([]byte(text))
	settings := filepath.Join(d.home, "Agent", "Borealis", "Settings")
	sentence := fmt.Sprintf(`{%q:{"content":"%x","name":%q,"events":["quick_job_run"],"reason":"died too often"}}`, file, sha256.Sum256(sum[:]), name)
	if err := errors.Join(os.MkdirAll(settings, 0o700), os.WriteFile(filepath.Join(settings, "quarantine_SYSTEM.json"), []byte(sentence), 0o600)); err != nil {
		d.t.Fatal(err)
	}
}

// servingJobs is a role that answers a job which bears its name, at once or a while after its handler has ended.
func servingJobs(name string) string {
	return fmt.Sprintf(`ROLE_NAME = %q
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "engine" }
local Role = {}
function Role:answer(job)
  local ok, message, code = engine.emit("quick_job_result", { job_id = job.job_id, status = "Success", stdout = self.ctx.context, stderr = "" })
  log.info("answered", { job = job.job_id, ok = ok, message = message, code = code })
end
function Role:register_events(events)
  events:on("quick_job_run", function(job)
    if job.script == "late" then timer.after(0.3, function() self:answer(job) end) end
    if job.script == ROLE_NAME then self:answer(job) end
  end)
end
return Role
`, name)
}

// TestAJobThatOnlyAQuarantinedRoleWouldServeIsAnswered has two roles that share the jobs, of which one is quarantined.
func TestAJobThatOnlyAQuarantinedRoleWouldServeIsAnswered(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_up.lua": servingJobs("up")})
	d.quarantined("role_down.lua", "down", servingJobs("down"))
	d.start()
	d.serving("role_up.lua")
	const reason = `no role that serves took this job; role "down", which asks for jobs, is quarantined: died too often`
	if r := d.run(enginetest.Job{Script: []byte("down")}); r.Status != "Failed" || r.Stderr != reason {
		t.Errorf("%+v", r)
	}
	up := d.send(enginetest.Job{Script: []byte("up")})
	late := d.send(enginetest.Job{Script: []byte("late")})
	d.until("the answer that comes too late", func() bool { return strings.Contains(d.log.String(), "has been answered in the role's place") })
	if r := d.run(enginetest.Job{Script: []byte("up")}); r.Status != "Success" {
		t.Errorf("%+v", r)
	}
	if all := e.Results(up); len(all) != 1 || all[0].Status != "Success" {
		t.Errorf("answers to a job that was served: %+v", all)
	}
	if all := e.Results(late); len(all) != 1 || all[0].Stderr != reason {
		t.Errorf("answers to a job that nobody seemed to serve: %+v", all)
	}
}

// TestARoleThatFailsDoesNotAnswerForAnother has two roles that share the jobs, of which one fails at each.
func TestARoleThatFailsDoesNotAnswerForAnother(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{
		"role_up.lua":     strings.Replace(servingJobs("up"), "if job.script == ROLE_NAME", "timer.sleep(0.3) if job.script == ROLE_NAME", 1),
		"role_broken.lua": strings.Replace(servingJobs("broken"), "if job.script", "error('broken') if job.script", 1),
	})
	d.start()
	d.serving("role_up.lua")
	d.serving("role_broken.lua")
	served := d.send(enginetest.Job{Script: []byte("up")})
	if r := d.run(enginetest.Job{Script: []byte("broken")}); r.Status != "Failed" || !strings.HasPrefix(r.Stderr, `role "broken": `) {
		t.Errorf("%+v", r)
	}
	if all := e.Results(served); len(all) != 1 || all[0].Status != "Success" {
		t.Errorf("answers: %+v", all)
	}
}

// TestAJobThatNobodyTookIsAnswered has a role that gets all jobs, and none that takes those of one type.
func TestAJobThatNobodyTookIsAnswered(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_up.lua": servingJobs("up")})
	d.start()
	d.serving("role_up.lua")
	r := d.run(enginetest.Job{Script: []byte("other"), ScriptType: "ansible"})
	if r.Status != "Failed" || r.Stderr != `no role on this device answered this job of the type "ansible"` {
		t.Errorf("%+v", r)
	}
	if r := d.run(enginetest.Job{Script: []byte("late")}); r.Status != "Success" {
		t.Errorf("an answer from a timer: %+v", r)
	}
}
