package main_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
)

// BenchmarkKeystroke measures from a key's message to its echo by a terminal, through the tunnel, the agent and its role.
// It also tells what the core holds with an open tunnel and a shell in it, and the most that it held.
func BenchmarkKeystroke(b *testing.B) {
	d := newTunnelled(b, 0)
	d.settingsFile("agent_settings_SYSTEM.json", fmt.Sprintf(`{"role_settings": {"WireGuardTunnel": {"ensure_delay_seconds": 0, "shell_port": %d},
		"RemotePowershell": {"shell_port": %d}}}`, shellPort, shellPort))
	d.ensured("aa11", shellPort)
	d.begin()
	d.serving(shellRole)
	s := d.shell(b)
	s.say(map[string]any{"type": "open", "pty": true, "rows": 40, "cols": 100})
	s.types("exec cat\n")
	s.prints("exec cat")
	time.Sleep(time.Second) // the shell becomes cat, and its prompt has been printed
	var took []time.Duration
	for b.Loop() {
		before := s.text.Len()
		begun := time.Now()
		s.types("x")
		for s.text.Len() == before {
			if _, more := s.hear(); !more {
				b.Fatal("the shell ended")
			}
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(milliseconds(took, 50), "median-ms")
	b.ReportMetric(milliseconds(took, 99), "p99-ms")
	b.ReportMetric(float64(workertest.PSS(b, d.cmd.Process.Pid))/1024, "core-PSS-MiB")
	b.ReportMetric(peak(b, d.cmd.Process.Pid), "core-peak-MiB")
}
