package engine

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// TestWhatIsTrusted dials Engines of all kinds: no code and no token leaves the device unless the certificate is right.
func TestWhatIsTrusted(t *testing.T) {
	authority, other := newCerts(t), newCerts(t)
	stock := []string{"localhost", "127.0.0.1", "::1"}
	for name, c := range map[string]struct {
		url    string
		leaf   tls.Certificate
		roots  []byte
		pinned []byte
		ok     bool
	}{
		"given root":                   {"https://engine.test", authority.leaf(t, farOff, "engine.test"), authority.pem, nil, true},
		"pinned root":                  {"https://engine.test", authority.leaf(t, farOff, "engine.test"), nil, authority.pem, true},
		"pinned beats given":           {"https://engine.test", authority.leaf(t, farOff, "engine.test"), other.pem, authority.pem, true},
		"given root is not the pinned": {"https://engine.test", authority.leaf(t, farOff, "engine.test"), authority.pem, other.pem, false},
		"stock names, by name":         {"https://localhost:5000", authority.leaf(t, farOff, stock...), authority.pem, nil, true},
		"stock names, by address":      {"https://127.0.0.1:5000", authority.leaf(t, farOff, stock...), authority.pem, nil, true},
		"stock names, by address 6":    {"https://[::1]:5000", authority.leaf(t, farOff, stock...), authority.pem, nil, true},
		"by address, another root":     {"https://127.0.0.1:5000", other.leaf(t, farOff, stock...), authority.pem, nil, false},
		"by address, expired":          {"https://127.0.0.1:5000", authority.leaf(t, longAgo.Add(time.Hour), stock...), authority.pem, nil, false},
		"by address, system roots":     {"https://127.0.0.1:5000", authority.leaf(t, farOff, stock...), nil, nil, false},
		"system roots":                 {"https://engine.test", authority.leaf(t, farOff, "engine.test"), nil, nil, false},
		"another root":                 {"https://engine.test", other.leaf(t, farOff, "engine.test"), authority.pem, nil, false},
		"another name":                 {"https://engine.test", authority.leaf(t, farOff, "other.test"), authority.pem, nil, false},
		"stock names, another name":    {"https://engine.test", authority.leaf(t, farOff, stock...), authority.pem, nil, false},
		"expired":                      {"https://engine.test", authority.leaf(t, longAgo.Add(time.Hour), "engine.test"), authority.pem, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := startWith(t, authority, &tls.Config{Certificates: []tls.Certificate{c.leaf}})
				cfg := f.config(t.TempDir())
				cfg.ServerURL, cfg.RootCAs = c.url, c.roots
				if c.pinned != nil {
					if err := cfg.Tree.PinBundle(c.pinned); err != nil {
						t.Fatal(err)
					}
				}
				client := f.clientOf(cfg)
				err := client.attempt(t.Context())
				if (err == nil) != c.ok || (err != nil && !errors.Is(err, ErrUntrusted)) {
					t.Errorf("enrollment: %v, want it to work: %t", err, c.ok)
				}
				if n := len(f.requests); (n > 0) != c.ok {
					t.Errorf("%d requests reached the Engine", n)
				}
			})
		})
	}
}

// TestGosOwnCheckIsReplacedInOneCaseOnly looks at the TLS configuration itself: no test can put a root of its own among
// the system's.
func TestGosOwnCheckIsReplacedInOneCaseOnly(t *testing.T) {
	pool := x509.NewCertPool()
	for _, c := range []struct {
		url      string
		pool     *x509.CertPool
		replaced bool
	}{
		{"https://10.1.2.3:5000", pool, true},
		{"https://[::1]:5000", pool, true},
		{"https://10.1.2.3:5000", nil, false},
		{"https://engine.test", pool, false},
		{"https://engine.test", nil, false},
	} {
		base, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		conf := (&door{base: base, cfg: Config{Now: time.Now}}).tlsConfig(anchor{trust: TrustGiven, pool: c.pool})
		if conf.InsecureSkipVerify != c.replaced || (conf.VerifyConnection != nil) != c.replaced || conf.MinVersion != tls.VersionTLS12 || conf.RootCAs != c.pool {
			t.Errorf("%s with roots of our own %t: %+v", c.url, c.pool != nil, conf)
		}
		if c.replaced && conf.VerifyConnection(tls.ConnectionState{}) == nil {
			t.Errorf("%s: no certificate at all is trusted", c.url)
		}
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority := newCerts(t)
		f := startWith(t, authority, &tls.Config{
			Certificates: []tls.Certificate{authority.leaf(t, farOff, "engine.test")}, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10,
		})
		if err := f.client().attempt(t.Context()); !errors.Is(err, ErrUnreachable) || len(f.requests) > 0 {
			t.Errorf("TLS 1.1: %v, %d requests", err, len(f.requests))
		}
	})
}

func TestPlainHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startWith(t, nil, nil)
		for at, allowed := range map[string]bool{
			"http://engine.test": true, "ws://10.0.0.1:5000": true, "http://localhost.evil.test": true, "http://127.0.0.1:5000": false,
		} {
			cfg := f.config(t.TempDir())
			cfg.ServerURL, cfg.AllowPlainHTTP = at, allowed
			if _, err := New(cfg); !errors.Is(err, ErrPlainHTTP) {
				t.Errorf("%s (allowed %t): %v, want ErrPlainHTTP", at, allowed, err)
			}
		}
		cfg := f.config(t.TempDir())
		cfg.ServerURL, cfg.AllowPlainHTTP = "http://127.0.0.1:5000", true
		c := f.clientOf(cfg)
		f.set(func() { f.bundle = string(newCerts(t).pem) })
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := c.Status(); s.Trust != TrustNone || s.State != StateEnrolled {
			t.Errorf("%+v", s)
		}
		if pem, err := cfg.Tree.Bundle(); err != nil || pem != nil {
			t.Errorf("a bundle that came in the clear was pinned (%v)", err)
		}
		f.set(func() { f.signing = secondKey })
		if err := c.scriptRequest(t.Context()); err != nil {
			t.Fatal(err)
		}
		if key, err := cfg.Tree.SigningKey(); err != nil || key != signingKey {
			t.Errorf("the signing key was rotated in the clear to %q (%v)", key, err)
		}
	})
}

// TestBundleOfTheEnrollment has the Engine answer with bundles of all kinds.
func TestBundleOfTheEnrollment(t *testing.T) {
	authority, other := newCerts(t), newCerts(t)
	for name, c := range map[string]struct {
		bundle  string
		trust   Trust
		refused bool
	}{
		"its own root":              {string(authority.pem), TrustPinned, false},
		"its own root and others":   {string(other.pem) + string(authority.pem), TrustPinned, false},
		"none":                      {"", TrustGiven, false},
		"of an Engine behind proxy": {string(other.pem), TrustGiven, true},
		"nonsense":                  {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", TrustGiven, true},
		"too large":                 {strings.Repeat(string(authority.pem), 200), TrustGiven, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := startWith(t, authority, &tls.Config{Certificates: []tls.Certificate{authority.leaf(t, farOff, "engine.test")}})
				f.set(func() { f.bundle = c.bundle })
				cfg := f.config(t.TempDir())
				client := f.clientOf(cfg)
				if err := client.Authenticate(t.Context()); err != nil {
					t.Fatal(err)
				}
				if s := client.Status(); s.Trust != c.trust || s.BundleRefused != c.refused {
					t.Errorf("trust %q, refused %t; want %q, %t", s.Trust, s.BundleRefused, c.trust, c.refused)
				}
				if pem, err := cfg.Tree.Bundle(); err != nil || (pem != nil) != (c.trust == TrustPinned) {
					t.Errorf("pinned %d bytes, %v", len(pem), err)
				}
				post(t, client)
			})
		})
	}
}

// TestARenewedCertificateUnderThePinIsNormal restarts the Engine with another leaf, and then with another root.
func TestARenewedCertificateUnderThePinIsNormal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority, other := newCerts(t), newCerts(t)
		leaf := authority.leaf(t, farOff, "engine.test")
		f := startWith(t, authority, &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &leaf, nil },
		})
		c := f.enrolled()
		leaf = authority.leaf(t, farOff, "engine.test")
		c.Close()
		post(t, c)
		leaf = other.leaf(t, farOff, "engine.test")
		c.Close()
		sent := len(f.requests)
		if err := c.Post(t.Context(), wire.PathHeartbeat, nil, nil); !errors.Is(err, ErrUntrusted) || len(f.requests) != sent {
			t.Errorf("another root: %v, %d requests got through", err, len(f.requests)-sent)
		}
		if pem, err := c.cfg.Tree.Bundle(); err != nil || string(pem) != string(authority.pem) {
			t.Errorf("the pin changed by itself (%v)", err)
		}
	})
}

func TestBrokenPinIsAnErrorWithItsMend(t *testing.T) {
	f := start(t, "engine.test")
	cfg := f.config(t.TempDir())
	if err := cfg.Tree.PinBundle([]byte("nonsense")); err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("%v, want an error with its mend", err)
	}
	cfg = f.config(t.TempDir())
	cfg.RootCAs = []byte("nonsense")
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "engine-ca") {
		t.Errorf("%v, want an error that names the option", err)
	}
}

func TestALoneLeafIsNotPinnedUnderSystemRoots(t *testing.T) {
	authority := newCerts(t)
	if len(rootsOf(authority.pem)) != 1 {
		t.Error("a root is not seen")
	}
	leaf := authority.leaf(t, farOff, "engine.test")
	cert, err := x509.ParseCertificate(leaf.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	text := pemOf(leaf)
	if len(rootsOf(text)) != 0 {
		t.Error("a leaf passed for a root")
	}
	f := start(t, "engine.test")
	cfg := f.config(t.TempDir())
	cfg.RootCAs = nil
	c := f.clientOf(cfg)
	over := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
	if pinned, err := c.door.consider(string(text), over); pinned || err == nil {
		t.Errorf("a lone leaf: pinned %t, %v", pinned, err)
	}
	if pinned, err := c.door.consider(string(text)+string(authority.pem), over); !pinned || err != nil {
		t.Errorf("with its root: pinned %t, %v", pinned, err)
	}
}

func TestRedirectsCarryNothingAway(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		synctest.Test(t, func(t *testing.T) {
			f := start(t, "engine.test", "evil.test")
			away := func(path string) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, "https://evil.test/stolen"+path, status)
				}
			}
			c := f.client()
			f.answer(wire.PathEnrollRequest, away("/code"))
			if err := c.attempt(t.Context()); !is(err, status) || !strings.Contains(err.Error(), "redirect refused") {
				t.Errorf("enrollment: %v", err)
			}
			f.answer(wire.PathEnrollRequest, nil)
			if err := c.attempt(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.answer(wire.PathHeartbeat, away("/token"))
			f.answer(wire.PathTokenRefresh, away("/refresh"))
			f.answer("/socket.io/", away("/socket"))
			if err := c.heartbeat(t.Context()); !is(err, status) {
				t.Errorf("heartbeat: %v", err)
			}
			if _, err := c.session(t.Context(), nil, ""); err == nil {
				t.Error("the socket followed a redirect")
			}
			time.Sleep(time.Hour)
			if err := c.heartbeat(t.Context()); !is(err, status) {
				t.Errorf("refresh: %v", err)
			}
			for _, s := range f.requests {
				if strings.Contains(s.path, "stolen") {
					t.Errorf("%d led to %s with %v", status, s.path, s.header)
				}
			}
		})
	}
}

func TestSigningKeyRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		stored := func() string {
			t.Helper()
			if err := c.scriptRequest(t.Context()); err != nil {
				t.Fatal(err)
			}
			key, err := c.cfg.Tree.SigningKey()
			if err != nil {
				t.Fatal(err)
			}
			return key
		}
		if got := stored(); got != signingKey {
			t.Errorf("after the enrollment: %q", got)
		}
		for text, script := range map[string]string{"": "", "nonsense": "", secondKey: "V3JpdGU="} {
			f.set(func() { f.script = map[string]any{"signing_key": text, "script": script} })
			if got := stored(); got != signingKey {
				t.Errorf("key %q with script %q was stored: %q", text, script, got)
			}
		}
		f.set(func() { f.script = map[string]any{"signing_key": secondKey, "status": "quarantined"} })
		if got := stored(); got != secondKey {
			t.Errorf("the rotated key was not stored: %q", got)
		}
		if want, _ := wire.ParseKey(secondKey); !want.Equal(c.SigningKey()) {
			t.Errorf("SigningKey is %x", c.SigningKey())
		}
		if err := c.cfg.Tree.SaveSigningKey("broken"); err != nil {
			t.Fatal(err)
		}
		if c.SigningKey() != nil {
			t.Error("a broken stored key counts")
		}
	})
}
