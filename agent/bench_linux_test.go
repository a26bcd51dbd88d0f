package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
)

// serve starts a device for a benchmark, with copies of an idle role beside the shipped ones. Its inventory is with the
// Engine when it returns, so that no audit falls into what is measured.
func serve(b *testing.B, copies int) *device {
	b.Helper()
	e := enginetest.Start(b, enginetest.Config{AutoApprove: true})
	d := newDevice(b, e, nil)
	d.settingsFile("agent_settings_SYSTEM.json", `{"role_settings": {"device_audit": {"spread_seconds": 0}}}`)
	d.start("--quiet")
	for _, file := range shipped() {
		d.serving(file)
	}
	d.until("the inventory", func() bool { return len(e.Details(d.status().GUID)) > 2 })
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

// shipped are the roles that come with the agent and serve the machine.
func shipped() []string {
	return []string{"role_DeviceAudit.lua", "role_RDP.lua", "role_RemotePowershell.lua", "role_ScriptExec_SYSTEM.lua", "role_WireGuardTunnel.lua"}
}

// BenchmarkMemory measures what an idle agent holds in all its processes together: with the shipped roles, and with
// idle ones beside them to make nine, as many as upstream has.
func BenchmarkMemory(b *testing.B) {
	for _, roles := range []int{len(shipped()), 9} {
		b.Run(fmt.Sprintf("roles=%d", roles), func(b *testing.B) {
			d := serve(b, roles-len(shipped()))
			time.Sleep(65 * time.Second) // once a minute a worker gives back what its work needed
			var core, workers int
			for b.Loop() {
				core, workers = workertest.PSS(b, d.cmd.Process.Pid), 0
				for _, r := range d.status().Roles {
					if r.PID != 0 { // else it serves users
						workers += workertest.PSS(b, r.PID)
					}
				}
			}
			b.ReportMetric(float64(core), "core-PSS-KiB")
			b.ReportMetric(float64(workers)/float64(roles), "worker-PSS-KiB")
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
