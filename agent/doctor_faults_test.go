package main_test

import (
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// fault is something that a doctor has to find.
type fault struct {
	happen func() (mend func())
	want   map[string]string // see expect
}

// faults are those of an enrolled device that does not run.
func (d *device) faults(guid string) map[string]fault {
	t, e := d.t.(*testing.T), d.engine
	place := filepath.Join(d.home, "Agent", "Borealis")
	file := func(text string, name ...string) func() func() {
		return func() (mend func()) { return swap(t, filepath.Join(append([]string{place}, name...)...), text) }
	}
	server := func(url string) func() func() { return file(url, "Settings", "server_url.txt") }
	proxy := func(url string) func() func() {
		return file(`{"proxy":"`+url+`"}`, "Settings", "agent_settings_SYSTEM.json")
	}
	return map[string]fault{
		"closed port":   {server("https://localhost:" + closedPort(t)), map[string]string{"tcp": "fail: refused.* MEND .*firewall"}},
		"no such name":  {server("https://engine.invalid:5000"), map[string]string{"dns": "fail: engine.invalid.* MEND correct the name"}},
		"no URL":        {server("\n"), map[string]string{"server": "fail: no Engine is named"}},
		"plain http":    {server("http://engine.example.org"), map[string]string{"trust": "fail: plain http.* MEND .*https://"}},
		"no TLS at all": {server("https://" + plainServer(t)), map[string]string{"certificate": "fail: MEND see that the Engine, and not something else", "tls": "fail: "}},
		"another root": {
			file(string(otherRoot(t)), "Certificates", "Trusted_Server_Cert", "server_certificate.pem"),
			map[string]string{"tls": "fail: MEND if the Engine was made anew on purpose"},
		},
		"damaged key": {
			file("no key", "Certificates", "Identity", "agent_identity_private.ed25519"),
			map[string]string{"identity": "fail: unreadable"},
		},
		"wrong clock": {
			func() func() { return faulty(e, "/health", withDate(time.Now().Add(time.Hour))) },
			map[string]string{"clock": "warn: ahead by (1h0m|59m).* MEND .*time server"},
		},
		"no socket": {
			func() func() { return faulty(e, "/socket.io/", http.NotFound) },
			map[string]string{"socket": "fail: HTTP 404.* MEND .*/socket.io/"},
		},
		"revoked": {
			func() func() {
				if err := e.SetStatus(guid, enginetest.StatusRevoked); err != nil {
					t.Fatal(err)
				}
				return func() { e.SetStatus(guid, enginetest.StatusActive) }
			},
			map[string]string{"token": "fail: revoked.* MEND make the device active again"},
		},
		"proxy away": {
			proxy("http://me:" + proxyPassword + "@127.0.0.1:" + closedPort(t)),
			map[string]string{"proxy": "ok: me:xxxxx@127", "tcp": "fail: refused"},
		},
		"proxy of a strange kind": {proxy("ftp://me:" + proxyPassword + "@127.0.0.1:1"), map[string]string{"trust": "fail: ftp"}},
		"no fault, but a proxy": {
			proxy("http://me:" + proxyPassword + "@" + connectProxy(t)),
			map[string]string{"proxy": "ok: me:xxxxx@127", "certificate": "ok: localhost", "tls": "ok: pinned", "token": "ok: ", "socket": "ok: "},
		},
	}
}

// plainServer answers without TLS.
func plainServer(t *testing.T) (address string) {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// connectProxy takes those with the right password through to wherever they want.
func connectProxy(t *testing.T) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+proxyPassword))
		there, err := net.Dial("tcp", r.Host)
		if err != nil || r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != want {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		defer there.Close()
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n") // not before: the client's next bytes are for the other side
		go io.Copy(there, here)
		io.Copy(here, there)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

const proxyPassword = "c4n4ry-0f-the-d0ctor"

// swap puts other content into a file; mend puts the old back.
func swap(t *testing.T, path, text string) (mend func()) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	existed := err == nil
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		err := os.Remove(path)
		if existed {
			err = os.WriteFile(path, old, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

func faulty(e *enginetest.Engine, path string, answer http.HandlerFunc) (mend func()) {
	e.Fault(path, func(w http.ResponseWriter, r *http.Request) bool {
		answer(w, r)
		return true
	})
	return func() { e.Fault(path, nil) }
}

func withDate(at time.Time) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", at.UTC().Format(http.TimeFormat))
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	return port
}
