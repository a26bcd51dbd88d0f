package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
)

// serve starts a device for a benchmark, with copies of an idle role beside the shipped ones.
func serve(b *testing.B, copies int) *device {
	b.Helper()
	d := newDevice(b, enginetest.Start(b, enginetest.Config{AutoApprove: true}), nil)
	d.start("--quiet")
	d.serving("role_ScriptExec_SYSTEM.lua")
	for i := range copies {
		d.save(fmt.Sprintf("role_idle%d.lua", i), fmt.Sprintf(`ROLE_NAME = "idle%d"
ROLE_CONTEXTS = { "system" }
local Role = {}
function Role:register_events(events) events:on("x%d", function(ev) log.info("x") end) end
return Role
`, i, i))
	}
	for i := range copies {
		d.serving(fmt.Sprintf("role_idle%d.lua", i))
	}
	return d
}

// BenchmarkJob measures the round trip of an empty job, from the Engine and back to it, and beside it a bare fork and
// exec of the same shell.
func BenchmarkJob(b *testing.B) {
	b.Run("agent", func(b *testing.B) {
		d := serve(b, 0)
		for b.Loop() {
			if r := d.run(enginetest.Job{Script: []byte("")}); r.Status != "Success" {
				b.Fatalf("%+v", r)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		script := filepath.Join(b.TempDir(), "empty.sh")
		if err := os.WriteFile(script, nil, 0o600); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := exec.Command("bash", script).Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkMemory measures what an idle agent holds in all its processes together: with the shipped roles, and with
// eight idle ones beside them: nine, as many as upstream has.
func BenchmarkMemory(b *testing.B) {
	for _, copies := range []int{0, 8} {
		b.Run(fmt.Sprintf("roles=%d", copies+1), func(b *testing.B) {
			d := serve(b, copies)
			time.Sleep(3 * time.Second) // workers settle a second after loading
			var core, workers int
			for b.Loop() {
				core, workers = workertest.PSS(b, d.cmd.Process.Pid), 0
				for _, r := range d.status().Roles {
					workers += workertest.PSS(b, r.PID)
				}
			}
			b.ReportMetric(float64(core), "core-PSS-KiB")
			b.ReportMetric(float64(workers)/float64(copies+1), "worker-PSS-KiB")
			b.ReportMetric(float64(core+workers), "all-PSS-KiB")
		})
	}
}

// BenchmarkColdStart measures from the start of the program to a served connection with all roles running.
func BenchmarkColdStart(b *testing.B) {
	d := serve(b, 0)
	for b.Loop() {
		b.StopTimer()
		d.stop()
		os.Remove(filepath.Join(d.home, "Agent", "Borealis", "Settings", "status.json"))
		b.StartTimer()
		d.start("--quiet")
		d.serving("role_ScriptExec_SYSTEM.lua")
	}
}
