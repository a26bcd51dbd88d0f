package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// inventory is what the Engine keeps of a device.
type inventory struct {
	Summary map[string]any `json:"summary"`
	CPU     map[string]any `json:"cpu"`
	Memory  []struct {
		Slot     string  `json:"slot"`
		Capacity float64 `json:"capacity"`
	} `json:"memory"`
	Storage []struct {
		Drive string  `json:"drive"`
		Total float64 `json:"total"`
	} `json:"storage"`
	Network []struct {
		Adapter string   `json:"adapter"`
		IPs     []string `json:"ips"`
	} `json:"network"`
	Software []struct {
		Name, Version, Source string
	} `json:"software"`
}

// audited starts an agent whose roles do not wait for a random time, and gives what it told the Engine.
func audited(t *testing.T, e *enginetest.Engine) (*device, func() inventory) {
	t.Helper()
	d := newDevice(t, e, nil)
	d.settingsFile("agent_settings_SYSTEM.json", `{"role_settings": {"device_audit": {"spread_seconds": 0}}}`)
	d.strict = true // what the shipped role declares has to be enough
	d.start()
	d.serving("role_DeviceAudit.lua")
	return d, func() (i inventory) {
		json.Unmarshal(e.Details(d.status().GUID), &i) // nothing yet is nothing told
		return i
	}
}

func TestTheEngineLearnsWhatTheMachineIs(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d, told := audited(t, e)
	d.until("the inventory", func() bool { return len(told().Summary) > 0 })
	i := told()
	t.Log(len(e.Details(d.status().GUID)), "bytes")
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if i.Summary["hostname"] != hostname || i.Summary["operating_system"] == "" || i.CPU["name"] == nil || i.Summary["total_ram"] == 0.0 {
		t.Errorf("%+v", i)
	}
	if _, there := i.Summary["connection_type"]; there {
		t.Error("a connection_type would hide the device from the Engine's list of agents")
	}
	if len(i.Memory) == 0 || len(i.Storage) == 0 || len(i.Network) == 0 || i.Storage[0].Total == 0 || len(i.Network[0].IPs) == 0 {
		t.Errorf("%+v", i)
	}
	said, err := exec.Command("dpkg-query", "-W", "-f", `${db:Status-Status} ${Package}\n`).Output()
	if err != nil {
		t.Fatal(err)
	}
	n := strings.Count(string(said), "installed ") - strings.Count(string(said), "not-installed ")
	if len(i.Software) < n*9/10 || i.Software[0].Version == "" {
		t.Errorf("%d programs, dpkg-query says %d", len(i.Software), n)
	}
	if got := e.Devices()[0].Facts["operating_system"]; got != i.Summary["operating_system"] {
		t.Errorf("the device's row has %v", got)
	}
	d.endsTidily("device_audit")
}

// TestAnOperatorAddsAFieldToTheInventory edits the role as docs/inventory.md says.
func TestAnOperatorAddsAFieldToTheInventory(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d, told := audited(t, e)
	d.until("the inventory", func() bool { return len(told().Summary) > 0 })
	text, err := os.ReadFile(filepath.Join(d.roles(), "role_DeviceAudit.lua"))
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := exec.Command("uname", "-r").Output()
	if err != nil {
		t.Fatal(err)
	}
	d.save("role_DeviceAudit.lua", strings.Replace(string(text), "    cpu = known.cpu", "    kernel = m.platform.kernel,\n    cpu = known.cpu", 1))
	d.until("the field", func() bool { return told().Summary["kernel"] == strings.TrimSpace(string(kernel)) })
}
