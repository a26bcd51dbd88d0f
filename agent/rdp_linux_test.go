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
}
