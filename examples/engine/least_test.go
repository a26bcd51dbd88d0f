package main

import (
	"context"
	"crypto/ed25519"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// BenchmarkLeastAgent measures the round trip of an empty job with the least that an Engine takes for an agent, which
// checks nothing and keeps nothing, beside a bare fork and exec of the same shell: what any agent costs on this machine.
func BenchmarkLeastAgent(b *testing.B) {
	b.Chdir(b.TempDir())
	e := enginetest.Start(b, enginetest.Config{AutoApprove: true})
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	f := &fake{url: e.URL(), host: "least", code: e.Code(), client: e.Client(), key: key}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.run(ctx) }()
	defer func() { cancel(); <-ended }()
	for connected := false; !connected; time.Sleep(10 * time.Millisecond) {
		_, err := os.Stat(f.host + ".connected")
		connected = err == nil
	}
	var agent, bare []time.Duration
	for b.Loop() {
		begun := time.Now()
		id, err := e.Send(enginetest.Job{TargetHostname: f.host})
		if err != nil {
			b.Fatal(err)
		}
		if r, err := e.Result(ctx, id); err != nil || r.Status != "Success" {
			b.Fatal(r, err)
		}
		between := time.Now()
		if err := exec.CommandContext(ctx, "sh", "-c", "").Run(); err != nil {
			b.Fatal(err)
		}
		agent, bare = append(agent, between.Sub(begun)), append(bare, time.Since(between))
	}
	slices.Sort(agent)
	slices.Sort(bare)
	median := func(sorted []time.Duration) float64 { return sorted[len(sorted)/2].Seconds() * 1000 }
	b.ReportMetric(median(agent), "least-agent-median-ms")
	b.ReportMetric(median(bare), "bare-median-ms")
}
