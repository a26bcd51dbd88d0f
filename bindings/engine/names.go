package engine

import (
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// maxName is the longest name of an event and the longest path.
const maxName = 256

// reservedEvents are the events that are not a role's to send.
func reservedEvents() []string {
	return []string{
		// Socket.IO keeps these to itself.
		"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
		// The core says these: who we are, and that we are there.
		"connect_agent", "request_config", "agent_heartbeat", "collector_status",
		// The Engine takes these for an operator's, from anyone who sends them.
		"vpn_shell_open", "vpn_shell_send", "vpn_shell_close",
	}
}

func checkEvent(event string) error {
	switch {
	case event == "" || len(event) > maxName || !isMadeOf(event, "_-.:/"):
		return bindings.Misused("argument 1: %q is no event's name", clip(event))
	case slices.Contains(reservedEvents(), event):
		return bindings.Misused("argument 1: the event %q is not a role's to send", event)
	}
	return nil
}

// recapPath is the one path elsewhere that serves a role: where recaps of playbooks are collected.
const recapPath = "/api/ansible/recap/report"

// checkPath lets through the paths that serve roles. The core alone enrolls the device and keeps its tokens.
func checkPath(path string) error {
	if path == recapPath {
		return nil
	}
	const prefix = "/api/agent/"
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok || len(path) > maxName || !isMadeOf(path, "/_-.~") || slices.ContainsFunc(strings.Split(rest, "/"), isNoStep) {
		return bindings.Misused("argument 1: %q is no path below %s", clip(path), prefix)
	}
	switch first, _, _ := strings.Cut(rest, "/"); strings.ToLower(first) {
	case "enroll", "token":
		return bindings.Misused("argument 1: the path %q is not a role's to ask for", path)
	}
	return nil
}

// isNoStep refuses the empty step too: what the Engine makes of it is not ours to guess.
func isNoStep(step string) bool { return step == "" || step == "." || step == ".." }

// isMadeOf reports whether a name is made of letters, digits and the other characters given.
func isMadeOf(name, others string) bool {
	return strings.IndexFunc(name, func(r rune) bool {
		letter := r|0x20 >= 'a' && r|0x20 <= 'z'
		return !letter && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
	}) < 0
}

func clip(name string) string { return name[:min(len(name), maxName)] }
