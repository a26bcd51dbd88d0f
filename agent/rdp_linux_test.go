package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// TestReadinessForRemoteDesktopIsLogged looks at this machine as it is: whatever stands on it, there is a verdict.
func TestReadinessForRemoteDesktopIsLogged(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.strict = true
	d.start()
	d.serving("role_RDP.lua")
	d.until("a verdict in rdp.log", func() bool {
		text, err := os.ReadFile(filepath.Join(d.home, "Agent", "Logs", "rdp.log"))
		return err == nil && (strings.Contains(string(text), "not ready") && strings.Contains(string(text), "reason=") || strings.Contains(string(text), "offer="))
	})
	d.endsTidily("RDP")
}

// endsTidily stops the agent, and sees that a role had nothing open by then.
func (d *device) endsTidily(role string) {
	d.t.Helper()
	d.stop()
	for line := range strings.Lines(d.log.String()) {
		if strings.Contains(line, "left things open") && strings.Contains(line, "role="+role) {
			d.t.Error(line)
		}
	}
}
