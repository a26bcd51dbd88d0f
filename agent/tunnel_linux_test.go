package main_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
)

// TestATunnelWithAnInterface has the agent make an interface, because its settings say so, and takes it away with it.
func TestATunnelWithAnInterface(t *testing.T) {
	if !tunneltest.Alone(t) {
		return
	}
	d := newTunnelled(t, 0)
	d.settingsFile("agent_settings_SYSTEM.json", `{"tunnel": {"mode": "tun"}, "role_settings": {"WireGuardTunnel": {"ensure_delay_seconds": 0}}}`)
	port := tunneltest.EchoAt(t, "0.0.0.0")
	d.ensured("aa11", port)
	d.begin()
	d.until("the tunnel", func() bool { return strings.Contains(d.said(), "tunnel=aa11") })
	c, err := d.peer.Connect(port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := says(c, "tern"); err != nil {
		t.Fatal(err)
	}
	links := func() string {
		out, err := exec.CommandContext(t.Context(), "ip", "-4", "address").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if now := links(); !strings.Contains(now, "inet "+tunneltest.AgentIP+" peer "+tunneltest.EngineIP+"/32") {
		t.Error(now)
	}
	if said := d.ask("tunnel", "status"); !strings.Contains(said.out, "interface") || !strings.Contains(said.out, "borealis") {
		t.Error(said)
	}
	d.stop()
	if now := links(); strings.Contains(now, "borealis") {
		t.Error(now)
	}
}

func TestAnUnknownModeOfTunnels(t *testing.T) {
	d := newTunnelled(t, 0)
	d.settingsFile("agent_settings_SYSTEM.json", `{"tunnel": {"mode": "kernel"}}`)
	d.settingsFile("server_url.txt", d.url)
	if said := d.ask("run", "--system-service"); said.status != 1 || !strings.Contains(said.err, `tunnel.mode: "kernel" is neither "netstack" nor "tun"`) {
		t.Error(said)
	}
}
