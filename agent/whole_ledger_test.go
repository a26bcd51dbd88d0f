package main_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// keepPayload notes what a job is sent as, so that it can be sent once more.
func keepPayload(to *map[string]any) func(map[string]any) {
	return func(p map[string]any) { *to = p }
}

func linesOf(path string) []string {
	text, _ := os.ReadFile(path)
	return strings.Fields(string(text))
}

// TestAJobRunsAtMostOnce sends jobs once more: while they run, after they ended, and after the agent was killed and
// started again. Each is run once and answered once.
func TestAJobRunsAtMostOnce(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	ran := filepath.Join(t.TempDir(), "ran")
	again := func(payload map[string]any) {
		t.Helper()
		if err := e.Emit("", "quick_job_run", payload); err != nil {
			t.Fatal(err)
		}
	}
	var ended, killed map[string]any
	first := d.run(enginetest.Job{Script: []byte("echo ended >> " + ran), Tamper: keepPayload(&ended)})
	again(ended)
	open := d.send(enginetest.Job{Script: []byte("echo killed >> " + ran + "; sleep 300"), Tamper: keepPayload(&killed)})
	d.until("the job to run", func() bool { return slices.Contains(linesOf(ran), "killed") })
	again(killed)
	d.kill()
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	d.until("the answer to the job that was killed", func() bool { return len(e.Results(open)) > 0 })
	again(ended)
	again(killed)
	if r := d.run(enginetest.Job{Script: []byte("echo last >> " + ran)}); r.Status != "Success" {
		t.Errorf("the next job: %+v", r)
	}
	if got := linesOf(ran); !slices.Equal(got, []string{"ended", "killed", "last"}) {
		t.Errorf("ran %q", got)
	}
	if r := e.Results(open); len(r) != 1 || r[0].Status != "Failed" || !strings.Contains(r[0].Stderr, "interrupted") {
		t.Errorf("the job that was killed: %+v", r)
	}
	if r := e.Results(first.JobID); len(r) != 1 || r[0].Status != "Success" {
		t.Errorf("the job that ended: %+v", r)
	}
}
