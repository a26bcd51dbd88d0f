package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/tunnel/tunneltest"
)

// TestAForeignClientOfTheShell talks to shells in Python, through Debian's wireguard-go and the kernel's TCP.
func TestAForeignClientOfTheShell(t *testing.T) {
	if !tunneltest.Alone(t) {
		return
	}
	d := newTunnelled(t, 0)
	key := tunneltest.NewKey(t)
	debian := tunneltest.StartDebian(t, key.PublicKey())
	d.key, d.peer = tunneltest.Text(key.Bytes()), &tunneltest.Engine{Port: debian.Port, PublicKey: debian.PublicKey}
	d.settingsFile("agent_settings_SYSTEM.json", fmt.Sprintf(`{"role_settings": {"WireGuardTunnel": {"ensure_delay_seconds": 0, "shell_port": %d},
		"RemotePowershell": {"shell_port": %d, "max_sessions": 32, "record": true}}}`, shellPort, shellPort))
	d.ensured("aa11", shellPort)
	d.begin()
	d.serving(shellRole)
	d.until("the shell's port", func() bool {
		c, err := debian.Connect(t.Context(), shellPort)
		if err == nil {
			c.Close()
		}
		return err == nil
	})

	client, err := filepath.Abs("testdata/shell_client.py")
	must(t, err)
	megabytes := enginetest.AtLength(100, 10)
	said := debian.Run(t, "python3", client, tunneltest.AgentIP, strconv.Itoa(shellPort), strconv.Itoa(megabytes), "20")
	var seen struct{ Much, Endless int }
	if err := json.Unmarshal([]byte(said), &seen); err != nil {
		t.Fatalf("%v: %q", err, said)
	}
	if seen.Much < megabytes*1_000_000 || seen.Endless > 64<<20 {
		t.Errorf("%+v", seen)
	}
	if ports := listening(t, d.cmd.Process.Pid); len(ports) > 0 {
		t.Errorf("the agent listens on the machine: %v", ports)
	}
	casts, err := filepath.Glob(filepath.Join(d.home, "Agent", "Borealis", "Settings", "RoleData", "*", "recordings", "*.cast"))
	if len(casts) == 0 || err != nil {
		t.Errorf("no recordings: %v", err)
	}
	d.until("the end of every shell", func() bool { return !strings.Contains(d.ask("status", "--json").out, `"process.Child"`) })
}

// listening are the sockets of a process that listen on TCP, as the kernel lists them.
func listening(t *testing.T, pid int) (found []string) {
	t.Helper()
	own := map[string]bool{}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	must(t, err)
	for _, file := range files {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, file.Name())); err == nil {
			own[regexp.MustCompile(`\d+`).FindString(to)] = strings.HasPrefix(to, "socket:")
		}
	}
	const listens, stateField, inodeField = "0A", 3, 9
	for _, table := range []string{"tcp", "tcp6"} {
		for line := range strings.Lines(string(content(t, fmt.Sprintf("/proc/%d/net/%s", pid, table)))) {
			if f := strings.Fields(line); f[stateField] == listens && own[f[inodeField]] {
				found = append(found, f[1])
			}
		}
	}
	return found
}
