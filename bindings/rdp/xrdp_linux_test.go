package rdp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// xrdp starts Debian's xrdp on a free port, with a security layer, and gives the module as it sees that machine.
func xrdp(t *testing.T, security string) (*module, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	ini, err := os.ReadFile("/etc/xrdp/xrdp.ini")
	if err != nil {
		t.Fatal(err)
	}
	m := &module{host: hosttest.New(t.TempDir(), "rdp"), root: t.TempDir(), dial: new(net.Dialer).DialContext}
	config := filepath.Join(m.root, "etc/xrdp/xrdp.ini")
	text := strings.Replace(string(ini), "\nport=3389", fmt.Sprintf("\nport=tcp://127.0.0.1:%d", port), 1)
	text = strings.Replace(text, "security_layer=negotiate", "security_layer="+security, 1)
	if err := errors.Join(os.MkdirAll(filepath.Dir(config), 0o755), os.WriteFile(config, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("xrdp", "--nodaemon", "--config", config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return m, port
}

func TestXrdp(t *testing.T) {
	for security, want := range map[string]offer{
		"negotiate": {Security: "tls", TLS: true, Classic: true, Certificate: true},
		"tls":       {Security: "tls", TLS: true, Certificate: true},
		"rdp":       {Security: "rdp", Classic: true, Certificate: true},
	} {
		t.Run(security, func(t *testing.T) {
			m, port := xrdp(t, security)
			s, err := m.state(t.Context())
			if err != nil || s.Server != "xrdp" || s.Port != port || s.Address != "127.0.0.1" {
				t.Fatalf("%+v, %v", s, err)
			}
			var got offer
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				got, err = m.probe(t.Context(), probeOptions{Port: port, Timeout: 10 * time.Second})
				if code(err) != "unreachable" || time.Now().After(deadline) { // it is still on its way up
					break
				}
			}
			if err != nil || got != want {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestWhereXrdpListens(t *testing.T) {
	for ini, want := range map[string]state{
		"":                                   {Port: 3389},
		"[Globals]\n; port=1\nport=3390\n":   {Port: 3390},
		"[Globals]\nport = tcp://:3391\n":    {Port: 3391},
		"port=tcp://127.0.0.1:3392 vsock://": {Port: 3392, Address: "127.0.0.1"},
		"port=tcp6://{::1}:3393":             {Port: 3389},
		"[Globals]\nini=1\n[Xorg]\nport=-1":  {Port: 3389},
		"port=tcp://.:3394":                  {Port: 3394, Address: "127.0.0.1"},
		"port=99999":                         {Port: 3389},
	} {
		if got := listens(ini); got != want {
			t.Errorf("%q: %+v, want %+v", ini, got, want)
		}
	}
}

func TestAMachineWithoutAServerAndOneWithGnomes(t *testing.T) {
	m := &module{host: hosttest.New(t.TempDir(), "rdp"), root: t.TempDir()}
	if s, err := m.state(t.Context()); err != nil || s.Server != "" {
		t.Errorf("%+v, %v", s, err)
	}
	daemon := filepath.Join(m.root, "usr/libexec/gnome-remote-desktop-daemon")
	wants := filepath.Join(m.root, "etc/systemd/system/graphical.target.wants")
	if err := errors.Join(
		os.MkdirAll(filepath.Dir(daemon), 0o755), os.WriteFile(daemon, nil, 0o755), os.MkdirAll(wants, 0o755),
		os.MkdirAll(filepath.Join(m.root, "run/systemd/system"), 0o755),
	); err != nil {
		t.Fatal(err)
	}
	if s, err := m.state(t.Context()); err != nil || s.Server != "gnome-remote-desktop" || s.Start != "manual" {
		t.Errorf("%+v, %v", s, err)
	}
	if err := os.WriteFile(filepath.Join(wants, "gnome-remote-desktop.service"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := m.state(t.Context()); err != nil || s.Start != "automatic" {
		t.Errorf("%+v, %v", s, err)
	}
	if err := m.change(t.Context(), changes{}); code(err) != "unsupported" {
		t.Errorf("%v", err)
	}
}
