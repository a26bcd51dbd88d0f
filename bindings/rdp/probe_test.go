package rdp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// confirm is a connection confirm with a negotiation of a kind.
func confirm(kind byte, value byte) []byte {
	return []byte{3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, kind, 0, 8, 0, value, 0, 0, 0}
}

// plain is a connection confirm of a server that negotiates nothing.
func plain() []byte { return []byte{3, 0, 0, 11, 6, 0xd0, 0, 0, 0x12, 0x34, 0} }

// serve answers each connection by what it asks for; it ends with the test.
func serve(t *testing.T, answer func(protocols byte) []byte) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			asked := make([]byte, 19)
			if _, err := io.ReadFull(conn, asked); err == nil {
				conn.Write(answer(asked[15]))
				io.Copy(io.Discard, conn) // until the client has had enough
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().(*net.TCPAddr).Port
}

func probe(t *testing.T, opts probeOptions) (offer, error) {
	t.Helper()
	m := &module{host: hosttest.New(t.TempDir(), "rdp"), root: t.TempDir(), dial: new(net.Dialer).DialContext}
	return m.probe(t.Context(), opts)
}

func TestWhatServersOffer(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(byte) []byte
		want   offer
	}{
		"Windows, NLA required": {
			func(asked byte) []byte {
				if asked&protocolNLA == 0 {
					return confirm(negotiationFailure, failureNLARequired)
				}
				return confirm(negotiationResponse, protocolNLAEarly)
			},
			offer{Security: "nla", NLA: true, Certificate: true},
		},
		"TLS and classic": {
			func(asked byte) []byte { return confirm(negotiationResponse, asked&protocolTLS) },
			offer{Security: "tls", TLS: true, Classic: true, Certificate: true},
		},
		"as old as 2003": {func(byte) []byte { return plain() }, offer{Security: "rdp", Classic: true, Certificate: true}},
		"no certificate": {
			func(asked byte) []byte {
				if asked == protocolClassic {
					return confirm(negotiationFailure, 1)
				}
				return confirm(negotiationFailure, failureNoCertificate)
			},
			offer{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := probe(t, probeOptions{Port: serve(t, tc.answer), Timeout: time.Minute})
			if err != nil || got != tc.want {
				t.Errorf("%+v, %v, want %+v", got, err, tc.want)
			}
		})
	}
}

func code(err error) string {
	var failed *bindings.Error
	if errors.As(err, &failed) {
		return failed.Code
	}
	return ""
}

func TestWhatIsNoServer(t *testing.T) {
	for name, answer := range map[string]func(byte) []byte{
		"SSH":            func(byte) []byte { return []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n") },
		"HTTP":           func(byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") },
		"another answer": func(byte) []byte { b := confirm(negotiationResponse, 1); b[5] = 0x80; return b },
		"a long answer":  func(byte) []byte { return []byte{3, 0, 0xff, 0xff} },
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := probe(t, probeOptions{Port: serve(t, answer), Timeout: time.Minute}); code(err) != "protocol" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	port := serve(t, func(byte) []byte { return nil })
	if got, err := probe(t, probeOptions{Port: port, Timeout: 50 * time.Millisecond}); code(err) != "timeout" {
		t.Errorf("silence: %+v, %v", got, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if got, err := probe(t, probeOptions{Port: l.Addr().(*net.TCPAddr).Port, Timeout: time.Minute}); code(err) != "unreachable" {
		t.Errorf("nobody: %+v, %v", got, err)
	}
	var misuse *bindings.Misuse
	if _, err := probe(t, probeOptions{Port: 65536}); !errors.As(err, &misuse) {
		t.Errorf("port 65536: %v", err)
	}
}

func TestGrants(t *testing.T) {
	m := &module{host: hosttest.New(t.TempDir(), "rdp:state"), root: t.TempDir()}
	if _, err := m.probe(t.Context(), probeOptions{Port: 1}); code(err) != "denied" {
		t.Errorf("probe: %v", err)
	}
	if err := m.change(context.Background(), changes{}); code(err) != "denied" {
		t.Errorf("change: %v", err)
	}
}

func FuzzReply(f *testing.F) {
	f.Add(confirm(negotiationResponse, 2))
	f.Add(confirm(negotiationFailure, 5))
	f.Add(plain())
	f.Add([]byte{3, 0, 0, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readReply(bytes.NewReader(b))
		if err == nil && (len(b) < 11 || b[0] != 3 || r.selected != 0 && r.failure != 0) {
			t.Errorf("%+v out of %x", r, b)
		}
	})
}

func TestFirewallRules(t *testing.T) {
	// Written by hand in the format in which Windows keeps its rules.
	rule := func(active, group string) string {
		return "v2.31|Action=Allow|Active=" + active + "|Dir=In|Protocol=6|LPort=3389|App=%SystemRoot%\\system32\\svchost.exe|Svc=termservice|Name=@FirewallAPI.dll,-28775|Desc=@FirewallAPI.dll,-28756|EmbedCtxt=" + group + "|"
	}
	const other = "@FirewallAPI.dll,-28502"
	for want, rules := range map[string][]string{
		"":       {rule("TRUE", other), ""},
		"on":     {rule("TRUE", ruleGroup), rule("TRUE", ruleGroup), rule("FALSE", other)},
		"off":    {rule("FALSE", ruleGroup), rule("TRUE", other)},
		"partly": {rule("FALSE", ruleGroup), rule("TRUE", ruleGroup)},
	} {
		if got := firewallState(rules, ruleGroup); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
