package main_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
)

const tunnelRole = "role_WireGuardTunnel.lua"

// tunnelled is a device with its Engine's side of a tunnel.
type tunnelled struct {
	*device
	peer *tunneltest.Engine
	key  string
}

func newTunnelled(t testing.TB, ensureDelay int) *tunnelled {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := &tunnelled{device: newDevice(t, e, nil), peer: tunneltest.Start(t)}
	key := tunneltest.NewKey(t)
	d.key = tunneltest.Text(key.Bytes())
	d.peer.Admit(key.PublicKey(), nil)
	d.strict = true
	d.settingsFile("agent_settings_SYSTEM.json", fmt.Sprintf(`{"role_settings": {"WireGuardTunnel": {"ensure_delay_seconds": %d, "ensure_interval_seconds": 15}}}`, ensureDelay))
	return d
}

// offer is a start as the Engine signs it.
func (d *tunnelled) offer(id string, idle int, ports ...int) map[string]any {
	port := json.Number(d.peer.Port)
	now := float64(time.Now().UnixMilli()) / 1000
	token := map[string]any{
		"agent_id": d.status().AgentID, "tunnel_id": id, "port": port,
		"expires_at": json.Number(fmt.Sprintf("%.2f", now+300)), "issued_at": json.Number(fmt.Sprintf("%.2f", now)),
	}
	message, err := json.Marshal(token)
	if err != nil {
		d.t.Fatal(err)
	}
	token["signature"], token["sig_alg"] = d.engine.Sign(message), "ed25519"
	return map[string]any{
		"tunnel_id": id, "agent_id": d.status().AgentID, "virtual_ip": tunneltest.AgentIP + "/32", "engine_virtual_ip": tunneltest.EngineIP,
		"allowed_ips": tunneltest.EngineIP + "/32", "endpoint": "127.0.0.1:" + d.peer.Port, "server_public_key": d.peer.PublicKey,
		"client_private_key": d.key, "idle_seconds": idle, "allowed_ports": ports, "token": token,
	}
}

// ensured has the Engine answer what the device asks with the same tunnel each time.
func (d *tunnelled) ensured(id string, ports ...int) *atomic.Int32 {
	var asked atomic.Int32
	d.engine.Fault("/api/agent/vpn/ensure", func(w http.ResponseWriter, _ *http.Request) bool {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(d.offer(id, 0, ports...))
		return true
	})
	return &asked
}

// begin starts the agent for its second life: in the first, the Engine gives it the name under which roles stay.
func (d *tunnelled) begin() {
	d.start()
	d.serving(tunnelRole)
	d.stop()
	d.start()
	d.serving(tunnelRole)
}

// said is the tunnel's log.
func (d *tunnelled) said() string {
	text, _ := os.ReadFile(filepath.Join(d.home, "Agent", "Logs", "VPN_Tunnel", "tunnel.log"))
	return string(text)
}

// says sends a word and expects it back.
func says(c net.Conn, word string) error {
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, word); err != nil {
		return err
	}
	got := make([]byte, len(word))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != word {
		return fmt.Errorf("got %q, %w", got, err)
	}
	return nil
}

// TestAPersistentTunnel has the device ask for its tunnel, and keeps a connection in it while the role is reloaded.
func TestAPersistentTunnel(t *testing.T) {
	d := newTunnelled(t, 0)
	port := tunneltest.Echo(t)
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
	if err := d.engine.Emit(d.status().AgentID, "vpn_tunnel_stop", map[string]any{"tunnel_id": "aa11", "reason": "operator_stop"}); err != nil {
		t.Fatal(err)
	}
	d.until("it to be seen", func() bool {
		said := d.ask("status")
		return strings.Contains(said.out, tunneltest.AgentIP+" through 127.0.0.1:"+d.peer.Port+", handshake")
	})
	d.until("a word on the stop", func() bool { return strings.Contains(d.said(), "stays open") })

	text, err := os.ReadFile(filepath.Join(d.roles(), tunnelRole))
	if err != nil {
		t.Fatal(err)
	}
	before := d.served(tunnelRole).PID
	d.save(tunnelRole, "-- edited\n"+string(text))
	d.until("the new version", func() bool { s := d.served(tunnelRole); return s.PID != 0 && s.PID != before && s.State == "running" })
	if err := says(c, "gull"); err != nil {
		t.Fatalf("after the role was reloaded: %v", err)
	}
	if strings.Contains(d.said(), d.key) || strings.Contains(d.said(), "tunnel-closed") {
		t.Errorf("log:\n%s", d.said())
	}
	d.stop()
	c.SetDeadline(time.Now().Add(patience))
	var late net.Error
	if n, err := c.Read(make([]byte, 1)); err == nil || errors.As(err, &late) && late.Timeout() {
		t.Errorf("the connection outlived the agent: %d, %v", n, err)
	}
}

// TestATunnelOnDemand opens one by the Engine's word, after offers that nobody signed, and ends it.
func TestATunnelOnDemand(t *testing.T) {
	d := newTunnelled(t, 300)
	port := tunneltest.Echo(t)
	d.begin()
	say := func(event string, data map[string]any) {
		t.Helper()
		if err := d.engine.Emit(d.status().AgentID, event, data); err != nil {
			t.Fatal(err)
		}
	}
	forged := d.offer("bb22", 900, port)
	forged["token"] = maps.Clone(forged["token"].(map[string]any))
	forged["token"].(map[string]any)["tunnel_id"] = "cc33"
	forged["tunnel_id"] = "cc33"
	say("vpn_tunnel_start", forged)
	d.until("the refusal", func() bool { return strings.Contains(d.log.String(), "does not fit the token") })
	say("vpn_tunnel_start", d.offer("bb22", 900, port))
	d.until("the tunnel", func() bool { return strings.Contains(d.said(), "tunnel=bb22") })
	if strings.Contains(d.said(), "cc33") {
		t.Errorf("a forged offer came through:\n%s", d.said())
	}
	c, err := d.peer.Connect(port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := says(c, "tern"); err != nil {
		t.Fatal(err)
	}
	d.examine("bb22")
	say("vpn_tunnel_stop", map[string]any{"agent_id": d.status().AgentID, "tunnel_id": "bb22", "reason": "operator_disconnect"})
	d.until("the end", func() bool { return strings.Contains(d.said(), "reason=operator_disconnect") })
	if !strings.Contains(d.said(), "accepted=1") {
		t.Errorf("log:\n%s", d.said())
	}
	if said := d.ask("tunnel", "status").ok(t); said != "no tunnel is open\n" {
		t.Errorf("status afterwards: %s", said)
	}
}

// examine looks at an open tunnel with what an operator has.
func (d *tunnelled) examine(id string) {
	t := d.t.(*testing.T)
	t.Helper()
	var list []struct {
		ID, Mode, Endpoint        string
		Handshake, Sent, Received int64
		Connections               int
		ToEngine                  int64 `json:"to_engine"`
		ToMachine                 int64 `json:"to_machine"`
	}
	if err := json.Unmarshal([]byte(d.ask("tunnel", "status", "--json").ok(t)), &list); err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	s := list[0]
	if s.ID != id || s.Mode != "SYSTEM" || s.Handshake == 0 || s.Sent == 0 || s.Received == 0 || s.Connections != 1 || s.ToEngine != 4 || s.ToMachine != 4 {
		t.Errorf("%+v", s)
	}
	if said := d.ask("tunnel", "status").ok(t); !strings.Contains(said, "4 bytes to the Engine, 4 to this machine") {
		t.Errorf("%s", said)
	}
	states := func() (all string) {
		var found []finding
		if err := json.Unmarshal([]byte(d.ask("tunnel", "doctor", "--json").out), &found); err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			all += f.Step + " " + f.State + ", "
		}
		return all
	}
	if got := states(); got != "session ok, route ok, handshake ok, mtu ok, refused ok, " && got != "session ok, route ok, handshake ok, mtu skipped, refused ok, " {
		t.Errorf("%s", got)
	}
}

// TestAProtocolOfOnesOwn has the example's role answer the Engine in the tunnel.
func TestAProtocolOfOnesOwn(t *testing.T) {
	const port = 47100
	d := newTunnelled(t, 0)
	text, err := os.ReadFile("../examples/roles/line.lua")
	must(t, err)
	d.strict = false
	d.ensured("aa11", port)
	d.begin()
	d.save("role_line.lua", string(text))
	var c net.Conn
	d.until("the role's port", func() bool {
		c, err = d.peer.Connect(port)
		return err == nil
	})
	defer c.Close()
	for ask, want := range map[string]string{"uptime": `^{"uptime":[0-9.]+}$`, "what": `^{"error":"ask for: uptime"}$`} {
		_, err := io.WriteString(c, ask+"\n")
		must(t, err)
		must(t, c.SetReadDeadline(time.Now().Add(patience)))
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !regexp.MustCompile(want).MatchString(strings.TrimSpace(line)) {
			t.Errorf("%s: %q, %v", ask, line, err)
		}
	}
}
