package main

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

func TestSettingsOfRoles(t *testing.T) {
	for name, tc := range map[string]struct {
		role, document, env string
		want                map[string]any
	}{
		"nothing":        {role: "a", document: `{}`, want: map[string]any{}},
		"its own":        {role: "a", document: `{"role_settings": {"a": {"x": [1, "y"]}, "b": {"z": 1}}}`, want: map[string]any{"x": []any{1.0, "y"}}},
		"upstream's key": {role: "device_audit", document: `{"audit_interval_minutes": 5}`, want: map[string]any{"interval_minutes": 5.0}},
		"its own comes first": {
			role: "device_audit", document: `{"audit_interval_minutes": 5, "role_settings": {"device_audit": {"interval_minutes": 7}}}`,
			want: map[string]any{"interval_minutes": 7.0},
		},
		"the environment": {role: "RDP", document: `{"role_settings": {"RDP": {"undo": true}}}`, env: " Yes", want: map[string]any{"undo": true, "auto_enable": true}},
		"switched off":    {role: "RDP", document: `{"role_settings": {"RDP": {"auto_enable": true}}}`, env: "0", want: map[string]any{"auto_enable": false}},
		"the tunnel's": {
			role: "WireGuardTunnel", document: `{"role_settings": {"WireGuardTunnel": {"shell_port": 5}}}`, env: "15",
			want: map[string]any{"shell_port": 5.0, "keepalive_seconds": "15", "ensure_delay_seconds": "15", "ensure_interval_seconds": "15"},
		},
		"the shell's":     {role: "RemotePowershell", document: `{}`, env: "15", want: map[string]any{"shell_port": "15"}},
		"of another role": {role: "a", document: `{"audit_interval_minutes": 5}`, env: "on", want: map[string]any{}},
	} {
		t.Run(name, func(t *testing.T) {
			var d settings.Document
			if err := json.Unmarshal([]byte(tc.document), &d); err != nil {
				t.Fatal(err)
			}
			got, err := settingsOf(tc.role, d, func(string) string { return tc.env })
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	if _, err := settingsOf("a", settings.Document{"role_settings": json.RawMessage(`[]`)}, func(string) string { return "" }); err == nil {
		t.Error("a list was read as settings")
	}
}
