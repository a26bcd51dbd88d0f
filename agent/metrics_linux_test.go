package main_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// readMetrics is a foreign reader of the format: it prints each sample as [name, labels, value].
const readMetrics = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    for s in family.samples:
        print(json.dumps([s.name, s.labels, s.value, family.type]))
`

// TestMetricsAreWhatPrometheusReads has a role with a hostile name of a file, and one that failed.
func TestMetricsAreWhatPrometheusReads(t *testing.T) {
	d := newDevice(t, enginetest.Start(t, enginetest.Config{AutoApprove: true}), map[string]string{
		"role_good.lua":    "ROLE_NAME = 'good'\nROLE_CONTEXTS = { 'system' }\nlocal Role = {}\nreturn Role\n",
		"role_b\"a\\d.lua": "this is no Lua",
	})
	command(t, "metrics", "--home", d.home).refusedWith(t, "no agent")
	d.start()
	d.serving("role_good.lua")
	d.until("a connection", func() bool { return strings.Contains(d.log.String(), "connected to the Engine") })
	cmd := exec.Command("/usr/bin/python3", "-c", readMetrics)
	cmd.Stdin = strings.NewReader(command(t, "metrics", "--home", d.home).ok(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	seen := map[string]string{}
	for line := range strings.Lines(string(out)) {
		var sample []any
		if err := json.Unmarshal([]byte(line), &sample); err != nil {
			t.Fatal(err)
		}
		labels := sample[1].(map[string]any)
		text, _ := json.Marshal(sample[2:])
		name, _ := sample[0].(string)
		if file, ok := labels["file"].(string); ok {
			name += " " + file
		} else if role, ok := labels["role"].(string); ok {
			name += " " + role
		}
		seen[name] = string(text)
	}
	for name, want := range map[string]string{
		"borealis_engine_connected":                `[1,"gauge"]`,
		"borealis_engine_enrolled":                 `[1,"gauge"]`,
		"borealis_outbox_results":                  `[0,"gauge"]`,
		"borealis_outbox_dropped_total":            `[0,"counter"]`,
		"borealis_role_serves role_good.lua":       `[1,"gauge"]`,
		"borealis_role_serves role_b\"a\\d.lua":    `[0,"gauge"]`,
		"borealis_role_edit_refused role_good.lua": `[0,"gauge"]`,
		"borealis_role_healthy good":               `[1,"gauge"]`,
		"borealis_role_events_failed_total good":   `[0,"counter"]`,
		"borealis_role_events_under_way good":      `[0,"gauge"]`,
	} {
		if strings.ReplaceAll(seen[name], ".0", "") != want {
			t.Errorf("%s: %s, want %s\n%s", name, seen[name], want, out)
		}
	}
}

// TestAHeartbeatTellsHowTheRolesAre has a role that serves, with words of its own, and one that does not.
func TestAHeartbeatTellsHowTheRolesAre(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{
		"role_good.lua": "ROLE_NAME = 'good'\nROLE_CONTEXTS = { 'system' }\nlocal Role = {}\nfunction Role:health_report() return { status = 'recovering', detail = 'waits for tea' } end\nreturn Role\n",
		"role_bad.lua":  "this is no Lua",
		"role_else.lua": "ROLE_NAME = 'else'\nROLE_CONTEXTS = { 'interactive' }\nlocal Role = {}\nreturn Role\n",
	})
	d.start()
	d.serving("role_good.lua")
	var beat struct {
		Health struct {
			Roles []struct {
				ID     string `json:"role_id"`
				Code   string `json:"status_code"`
				Detail string
			}
			At int64 `json:"reported_at"`
		} `json:"agent_role_health"`
	}
	d.until("a heartbeat", func() bool {
		for _, device := range e.Devices() {
			for _, b := range e.Heartbeats(device.GUID) {
				return json.Unmarshal(b.Body, &beat) == nil
			}
		}
		return false
	})
	got := map[string]string{}
	for _, r := range beat.Health.Roles {
		got[r.ID] = r.Code + " " + r.Detail
	}
	if len(got) != 2 || got["system:good"] != "recovering waits for tea" || !strings.HasPrefix(got["system:role_bad.lua"], "unhealthy role_bad.lua:1: ") || beat.Health.At == 0 {
		t.Errorf("%+v", beat)
	}
}
