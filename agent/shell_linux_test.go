package main_test

import (
	"bufio"
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

const shellRole = "role_RemotePowershell.lua"

// remoteShell is an Engine's end of a remote shell.
type remoteShell struct {
	t     testing.TB
	conn  net.Conn
	lines *bufio.Reader
	text  strings.Builder // what the shell printed so far
}

// shellPort is not the usual one, so that nothing else on the machine is meant.
const shellPort = 47102

func (d *tunnelled) shell(t testing.TB) *remoteShell {
	t.Helper()
	var conn net.Conn
	d.until("a shell", func() (ok bool) {
		var err error
		conn, err = d.peer.Connect(shellPort)
		return err == nil
	})
	t.Cleanup(func() { conn.Close() })
	return &remoteShell{t: t, conn: conn, lines: bufio.NewReader(conn)}
}

func (s *remoteShell) say(message any) {
	s.t.Helper()
	text, err := json.Marshal(message)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.conn.Write(append(text, '\n')); err != nil {
		s.t.Fatal(err)
	}
}

func (s *remoteShell) types(text string) {
	s.t.Helper()
	s.say(map[string]any{"type": "stdin", "data": []byte(text)})
}

// hear reads the next message; its data is added to text. False is the end.
func (s *remoteShell) hear() (kind string, more bool) {
	s.t.Helper()
	s.conn.SetReadDeadline(time.Now().Add(patience))
	line, err := s.lines.ReadBytes('\n')
	if err != nil {
		if len(line) > 0 || strings.Contains(err.Error(), "timeout") {
			s.t.Fatalf("%q, %v after %q", line, err, s.text.String())
		}
		return "", false
	}
	var message struct {
		Type string
		Data []byte
	}
	if err := json.Unmarshal(line, &message); err != nil {
		s.t.Fatalf("%q: %v", line, err)
	}
	s.text.Write(message.Data)
	return message.Type, true
}

// prints waits for a text of the shell's.
func (s *remoteShell) prints(want string) {
	s.t.Helper()
	for !strings.Contains(s.text.String(), want) {
		if _, more := s.hear(); !more {
			s.t.Fatalf("the shell ended; it printed %q, not %q", s.text.String(), want)
		}
	}
}

// ends waits for the end of the session.
func (s *remoteShell) ends() {
	s.t.Helper()
	for {
		if _, more := s.hear(); !more {
			return
		}
	}
}

// TestTheRemoteShell talks to the shells that the agent opens in its tunnel, as an Engine of old does and as a new one.
func TestTheRemoteShell(t *testing.T) {
	d := newTunnelled(t, 0)
	d.settingsFile("agent_settings_SYSTEM.json", `{"role_settings": {"WireGuardTunnel": {"ensure_delay_seconds": 0, "shell_port": `+
		strconv.Itoa(shellPort)+`}, "RemotePowershell": {"shell_port": `+strconv.Itoa(shellPort)+`}}}`)
	d.ensured("aa11", shellPort)
	d.begin()
	d.serving(shellRole)

	old := d.shell(t)
	old.conn.Write([]byte("\nno JSON\n{\"type\":\"unknown\"}\n[]\n"))
	old.types("echo tern-$((3+4)); echo żółw >&2\n")
	old.prints("tern-7")
	old.prints("żółw")
	if c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(shellPort)), time.Second); err == nil {
		c.Close()
		t.Error("the shell is reached without the tunnel")
	}

	second := d.shell(t)
	second.types("head -c 5000000 /dev/zero | tr '\\0' x; echo; echo done-$((1+1))\n")
	second.prints("done-2")
	if n := strings.Count(second.text.String(), "x"); n != 5000000 {
		t.Errorf("%d bytes of 5000000 came", n)
	}
	second.types("sleep 4711 & exit 3\n")
	second.ends()

	terminal := d.shell(t)
	terminal.say(map[string]any{"type": "open", "pty": true, "rows": 33, "cols": 99})
	terminal.types("stty size\n")
	terminal.prints("33 99")
	terminal.say(map[string]any{"type": "resize", "rows": 44, "cols": 111})
	terminal.types("stty size\n")
	terminal.prints("44 111")
	terminal.types("exit 5\n")
	var last string
	for {
		kind, more := terminal.hear()
		if !more {
			break
		}
		last = kind
	}
	if last != "exit" {
		t.Errorf("the last message is %q", last)
	}

	old.say(map[string]any{"type": "close"})
	old.ends()
}
