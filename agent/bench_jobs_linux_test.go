package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
)

// BenchmarkJob measures the round trip of an empty job, from the Engine and back to it, and in turn with it a bare fork
// and exec of the same shell, and a job for which the same role starts nothing.
func BenchmarkJob(b *testing.B) {
	d := serve(b, 0)
	script := filepath.Join(b.TempDir(), "empty.sh")
	if err := os.WriteFile(script, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	var agent, bare, nothing []time.Duration
	for b.Loop() {
		begun := time.Now()
		if r := d.run(enginetest.Job{Script: []byte("")}); r.Status != "Success" {
			b.Fatalf("%+v", r)
		}
		between := time.Now()
		if err := exec.Command("bash", script).Run(); err != nil {
			b.Fatal(err)
		}
		after := time.Now()
		if r := d.run(enginetest.Job{Script: []byte(""), ScriptType: "none"}); r.Status != "Failed" {
			b.Fatalf("%+v", r)
		}
		agent, bare, nothing = append(agent, between.Sub(begun)), append(bare, after.Sub(between)), append(nothing, time.Since(after))
	}
	slices.Sort(agent)
	slices.Sort(bare)
	slices.Sort(nothing)
	b.ReportMetric(milliseconds(agent, 50), "agent-median-ms")
	b.ReportMetric(milliseconds(agent, 99), "agent-p99-ms")
	b.ReportMetric(milliseconds(bare, 50), "bare-median-ms")
	b.ReportMetric(milliseconds(bare, 99), "bare-p99-ms")
	b.ReportMetric(milliseconds(nothing, 50), "nothing-median-ms")
	b.ReportMetric(milliseconds(agent, 50)/milliseconds(bare, 50), "times-bare")
}

// milliseconds is a percentile of what is sorted.
func milliseconds(sorted []time.Duration, percent int) float64 {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)].Seconds() * 1000
}

// BenchmarkManyJobs measures a thousand jobs that come at once. The most memory that the core held is what the kernel
// remembers of it, beginning with its start.
func BenchmarkManyJobs(b *testing.B) {
	const jobs = 1000
	d := serve(b, 0)
	for b.Loop() {
		ids := make([]int64, jobs)
		for i := range ids {
			ids[i] = d.send(enginetest.Job{Script: []byte("echo hi")})
		}
		for _, id := range ids {
			if r := d.result(id); r.Status != "Success" {
				b.Fatalf("%+v", r)
			}
		}
	}
	b.ReportMetric(float64(b.N)*jobs/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric(peak(b, d.cmd.Process.Pid), "core-peak-MiB")
	b.ReportMetric(float64(workertest.PSS(b, d.served("role_ScriptExec_SYSTEM.lua").PID))/1024, "worker-PSS-MiB")
}

// BenchmarkJobOutput measures a job that writes 100 MB.
func BenchmarkJobOutput(b *testing.B) {
	const size = 100_000_000
	d := serve(b, 0)
	b.SetBytes(size)
	for b.Loop() {
		r := d.run(enginetest.Job{Script: []byte(fmt.Sprintf("yes 'some line of output' | head -c %d", size))})
		if r.Status != "Success" || len(r.Stdout) < 1<<20 {
			b.Fatalf("%s, %d bytes", r.Status, len(r.Stdout))
		}
	}
	b.ReportMetric(peak(b, d.cmd.Process.Pid), "core-peak-MiB")
	b.ReportMetric(peak(b, d.served("role_ScriptExec_SYSTEM.lua").PID), "worker-peak-MiB")
}

// peak is the most memory that a process has held, in MiB.
func peak(b *testing.B, pid int) float64 {
	b.Helper()
	var kib float64
	for line := range strings.Lines(string(content(b, fmt.Sprintf("/proc/%d/status", pid)))) {
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	b.Fatal("no VmHWM")
	return 0
}
