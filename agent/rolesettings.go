package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

// roleSettingsKey is where the agent's settings hold those of roles, by the role's name.
const roleSettingsKey = "role_settings"

// roleSettings is what the operator has set for a role, read anew each time: roles ask seldom, and a change counts at
// once. Settings that cannot be read are as if there were none, and are told of.
func (a *agent) roleSettings(role string) map[string]any {
	d, err := a.tree.Document(string(a.mode))
	if err != nil {
		a.log.Error("settings of roles cannot be read", "role", role, "error", err)
	}
	set, err := settingsOf(role, d, os.Getenv)
	if err != nil {
		a.log.Error("settings of roles cannot be read", "role", role, "error", err)
	}
	return set
}

// settingsOf is what a role's own settings say, and for the roles that upstream has, what its settings and its
// environment said.
func settingsOf(role string, d settings.Document, getenv func(string) string) (map[string]any, error) {
	var all map[string]map[string]any
	var err error
	if raw, ok := d[roleSettingsKey]; ok {
		err = json.Unmarshal(raw, &all)
	}
	set := all[role]
	if set == nil {
		set = map[string]any{}
	}
	switch role {
	case "device_audit":
		var minutes float64
		if _, own := set["interval_minutes"]; !own && json.Unmarshal(d["audit_interval_minutes"], &minutes) == nil {
			set["interval_minutes"] = minutes
		}
	case "RDP":
		if text := getenv("BOREALIS_RDP_AUTO_ENABLE"); text != "" {
			set["auto_enable"] = isOn(text)
		}
	case "RemotePowershell":
		if text := getenv("BOREALIS_WIREGUARD_SHELL_PORT"); text != "" && set["shell_port"] == nil {
			set["shell_port"] = text
		}
	case "WireGuardTunnel":
		for name, variable := range tunnelVariables() {
			if _, own := set[name]; !own && getenv(variable) != "" {
				set[name] = getenv(variable)
			}
		}
	}
	return set, err
}

// tunnelVariables gives the tunnel's settings under the names that upstream's environment has for them. The role reads
// them as numbers, and knows their bounds.
func tunnelVariables() map[string]string {
	return map[string]string{
		"keepalive_seconds":       "BOREALIS_WIREGUARD_KEEPALIVE_SECONDS",
		"ensure_delay_seconds":    "BOREALIS_WIREGUARD_ENSURE_DELAY",
		"ensure_interval_seconds": "BOREALIS_WIREGUARD_ENSURE_INTERVAL",
		"shell_port":              "BOREALIS_WIREGUARD_SHELL_PORT",
	}
}

// isOn reads a switch as upstream's agents do.
func isOn(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	on, err := strconv.ParseBool(text)
	return err == nil && on || text == "yes" || text == "on"
}
