package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// finding is a step as a program reads it.
type finding struct{ Step, State, Seen, Mend string }

// doctor examines a device, and gives its findings by step.
func (d *device) doctor(args ...string) (found map[string]finding, code int) {
	d.t.Helper()
	said := d.ask(append([]string{"doctor", "--json"}, args...)...)
	var list []finding
	if err := json.Unmarshal([]byte(said.out), &list); err != nil {
		d.t.Fatalf("%v: %+v", err, said)
	}
	found = map[string]finding{}
	for _, f := range list {
		found[f.Step] = f
	}
	return found, said.status
}

// expect checks the states of steps; those that are not named must be ok, or skipped because of one that is.
func expect(t *testing.T, found map[string]finding, want map[string]string) {
	t.Helper()
	for step, f := range found {
		state, seen, _ := strings.Cut(want[step], ": ")
		if state == "" && (f.State == "ok" || f.State == "skipped") {
			continue
		}
		if f.State != state || !regexp.MustCompile(seen).MatchString(f.Seen+" MEND "+f.Mend) {
			t.Errorf("%s: %+v, want %q", step, f, want[step])
		}
	}
	for step := range want {
		if found[step].Step == "" {
			t.Errorf("there is no step %q", step)
		}
	}
}

// tells is everything that lies below a folder, with its modes and times.
func tells(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var text []byte
		if info.Mode().IsRegular() {
			text, err = os.ReadFile(path)
		}
		all[path] = fmt.Sprint(info.Mode(), info.ModTime(), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (d *device) settingsFile(name, text string) {
	d.t.Helper()
	dir := filepath.Join(d.home, "Agent", "Borealis", "Settings")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
		d.t.Fatal(err)
	}
}

func TestTheDoctorOfADeviceThatHasNotEnrolledSpendsNothing(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{})
	d := newDevice(t, e, nil)
	found, code := d.doctor()
	expect(t, found, map[string]string{"settings": "fail: no agent has run in", "roles": "warn: makes it"})
	if code != 1 || len(tells(t, d.home)) != 1 {
		t.Errorf("exit status %d, and the doctor made %v", code, tells(t, d.home))
	}

	d.settingsFile("server_url.txt", e.URL())
	d.settingsFile("agent_settings.json", `{"installer_code":"`+e.Code()+`"}`)
	before := tells(t, d.home)
	found, code = d.doctor("--engine-ca", d.root)
	expect(t, found, map[string]string{
		"agent": "warn: no agent runs", "identity": "warn: first start", "enrollment": "warn: not enrolled", "token": "warn: not enrolled",
		"roles": "warn: makes it",
	})
	if code != 0 || len(e.Pending()) != 0 || !maps.Equal(tells(t, d.home), before) {
		t.Errorf("exit status %d, pending %v, tree %v", code, e.Pending(), tells(t, d.home))
	}
}

func TestTheDoctorLooksWithoutTouching(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, nil)
	d.settingsFile("server_url.txt", e.URL())
	d.start()
	d.serving("role_ScriptExec_SYSTEM.lua")
	found, code := d.doctor()
	expect(t, found, map[string]string{"agent": "ok: connected", "tls": "ok: pinned", "socket": "ok: ", "token": "ok: ", "worker": "ok: "})
	if code != 0 || !d.status().Connected {
		t.Errorf("exit status %d, %+v", code, found)
	}
	guid := d.status().GUID
	d.stop()
	before := tells(t, d.home)
	text := d.ask("doctor").ok(t)
	if !regexp.MustCompile(`(?m)^warn +agent +no agent runs`).MatchString(text) || !regexp.MustCompile(`(?m)^ok +token`).MatchString(text) {
		t.Errorf("as text:\n%s", text)
	}
	if after := tells(t, d.home); !maps.Equal(after, before) {
		t.Errorf("the tree is another one: %v", after)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "borealis-doctor-*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}

	for name, f := range d.faults(guid) {
		t.Run(name, func(t *testing.T) {
			mend := f.happen()
			found, code := d.doctor()
			mend()
			f.want["agent"] = "warn: no agent runs"
			expect(t, found, f.want)
			failed := false
			for _, f := range found {
				failed = failed || f.State == "fail"
				if strings.Contains(f.Seen+f.Mend, proxyPassword) {
					t.Errorf("a secret is told: %+v", f)
				}
			}
			if (code == 1) != failed {
				t.Errorf("exit status %d", code)
			}
		})
	}
}

// certificate makes one that vouches for itself.
func certificate(t *testing.T, name string, from, to time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func otherRoot(t *testing.T) []byte {
	return pemOf(certificate(t, "localhost", time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)))
}

func pemOf(c tls.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
}

// Certificates that no Engine of ours has: a server with nothing but a handshake shows them.
func TestTheDoctorReadsCertificates(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		cert  tls.Certificate
		given bool // as --engine-ca
		want  map[string]string
	}{
		"expired": {certificate(t, "localhost", now.AddDate(-1, 0, 0), now.Add(-time.Hour)), true, map[string]string{
			"certificate": "fail: it has expired MEND renew", "tls": "fail: expired.* MEND renew .* clock",
		}},
		"not valid yet": {certificate(t, "localhost", now.Add(time.Hour), now.AddDate(1, 0, 0)), true, map[string]string{
			"certificate": "fail: not valid yet MEND correct this machine's clock", "tls": "fail: not yet valid",
		}},
		"expires soon": {certificate(t, "localhost", now.AddDate(-1, 0, 0), now.AddDate(0, 0, 3)), true, map[string]string{
			"certificate": "warn: expires soon MEND renew", "tls": "warn: HTTP 404 at /health", "socket": "fail: no Socket.IO",
		}},
		"another name": {certificate(t, "engine.example.org", now.Add(-time.Hour), now.AddDate(1, 0, 0)), true, map[string]string{
			"certificate": "ok: for engine.example.org", "tls": "fail: MEND name the Engine .*engine.example.org.*made for localhost",
		}},
		"nobody vouches": {certificate(t, "localhost", now.Add(-time.Hour), now.AddDate(1, 0, 0)), false, map[string]string{
			"certificate": "ok: sha256:[0-9a-f]{64}", "tls": "fail: MEND .*--engine-fingerprint",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{tc.cert}})
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{Handler: http.NotFoundHandler()}
			go server.Serve(l)
			defer server.Close()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			d := &device{t: t, home: t.TempDir(), root: filepath.Join(t.TempDir(), "root.pem")}
			d.settingsFile("server_url.txt", "https://localhost:"+port)
			args := []string{}
			if tc.given {
				if err := os.WriteFile(d.root, pemOf(tc.cert), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--engine-ca", d.root)
			}
			found, _ := d.doctor(args...)
			for step, state := range map[string]string{
				"agent": "warn: ", "identity": "warn: ", "enrollment": "warn: ", "roles": "warn: ",
			} {
				tc.want[step] = state
			}
			if found["tls"].State != "fail" {
				tc.want["token"] = "warn: "
			}
			expect(t, found, tc.want)
		})
	}
}
