package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// impostor is what answers at the Engine's address instead of it. It keeps every byte that it can read, beneath TLS
// and within.
type impostor struct {
	mu   sync.Mutex
	seen bytes.Buffer
	met  int
}

func (i *impostor) Write(b []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.seen.Write(b)
}

func (i *impostor) heard() (string, int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.seen.String(), i.met
}

// serve is an impostor behind conf, which may be nil: then it speaks plain http.
func (i *impostor) serve(t *testing.T, listener net.Listener, conf *tls.Config) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { i.listen(conn, conf) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
	})
}

func (i *impostor) listen(conn net.Conn, conf *tls.Config) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	i.mu.Lock()
	i.met++
	i.mu.Unlock()
	var in io.Reader = io.TeeReader(conn, i)
	if conf != nil {
		in = tls.Server(&teed{conn, in}, conf)
	}
	b := make([]byte, 4096)
	n, err := in.Read(b)
	if err != nil {
		return
	}
	_, _ = i.Write(b[:n])
	_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

// teed is a connection that is read through in.
type teed struct {
	net.Conn
	in io.Reader
}

func (c *teed) Read(b []byte) (int, error) { return c.in.Read(b) }

// TestNoCredentialLeavesToAnImpostor has, one after the other, a device that wants to enroll, one with a good token and
// one that needs a new token meet what is not their Engine, over real sockets.
func TestNoCredentialLeavesToAnImpostor(t *testing.T) {
	authority, other := newCerts(t), newCerts(t)
	leaf := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	for name, conf := range map[string]*tls.Config{
		"another root":      leaf(other.leaf(t, farOff, "localhost")),
		"expired":           leaf(authority.leaf(t, longAgo.Add(time.Hour), "localhost")),
		"another name":      leaf(authority.leaf(t, farOff, "elsewhere.test")),
		"http behind https": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			fraud := &impostor{}
			fraud.serve(t, listener, conf)
			f := startWith(t, authority, leaf(authority.leaf(t, farOff, "engine.test")))
			f.set(func() { f.poll = 0 })
			for i, state := range []string{"not enrolled", "with a token", "with a token that has ended"} {
				cfg := f.config(t.TempDir())
				if i > 0 {
					if err := f.clientOf(cfg).Authenticate(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				_, port, _ := net.SplitHostPort(listener.Addr().String())
				cfg.ServerURL, cfg.Dial = "https://localhost:"+port, nil
				if i == 2 {
					cfg.Now = func() time.Time { return time.Now().Add(time.Hour) }
				}
				meet(t, f.clientOf(cfg), state)
			}
			text, met := fraud.heard()
			if met < 3 {
				t.Errorf("met %d times", met)
			}
			for _, secret := range []string{goodCode, "canary", "Bearer", "POST", "GET"} {
				if strings.Contains(text, secret) {
					t.Errorf("%q reached the impostor: %q", secret, text)
				}
			}
		})
	}
}

// meet does all that the client does by itself.
func meet(t *testing.T, c *Client, state string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Post(ctx, wire.PathHeartbeat, nil, nil); err == nil {
		t.Errorf("%s: a call got through", state)
	}
	if _, ok := c.usable(""); !ok {
		if err := c.attempt(ctx); err == nil {
			t.Errorf("%s: authenticated", state)
		}
	} else {
		if _, err := c.session(ctx, nil, ""); err == nil {
			t.Errorf("%s: a session", state)
		}
	}
	if pem, err := c.cfg.Tree.Bundle(); err != nil || (pem != nil) != (c.held().Refresh != "") {
		t.Errorf("%s: the pin changed (%v)", state, err)
	}
}

// TestADowngradeIsRefused names an enrolled device's Engine with http: nothing is dialled.
func TestADowngradeIsRefused(t *testing.T) {
	f := start(t, "engine.test")
	f.set(func() { f.poll = 0 })
	cfg := f.config(t.TempDir())
	if err := f.clientOf(cfg).Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, allow := range []bool{false, true} {
		cfg.ServerURL, cfg.AllowPlainHTTP = "http://engine.test:5000", allow
		if _, err := New(cfg); err == nil {
			t.Errorf("allowed on loopback %t: http was taken", allow)
		}
	}
	// Loopback may be had in the clear, but the tokens of an Engine behind TLS are not for it.
	cfg.ServerURL = "http://127.0.0.1:5000"
	cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled")
		return nil, net.ErrClosed
	}
	if err := f.clientOf(cfg).Post(t.Context(), wire.PathHeartbeat, nil, nil); err == nil || !strings.Contains(err.Error(), ErrBinding.Error()) {
		t.Errorf("%v, want ErrBinding", err)
	}
}

// TestFingerprintsAreKeptWithoutABundle enrolls at an Engine that hands out no bundle.
func TestFingerprintsAreKeptWithoutABundle(t *testing.T) {
	authority := newCerts(t)
	served := authority.leaf(t, farOff, "elsewhere.test")
	f := startWith(t, authority, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &served, nil }})
	f.set(func() { f.bundle, f.poll = "", 0 })
	print := fingerprintOf(certificates(pemOf(served))[0])
	for name, trust := range map[string]func(*Config){
		"fingerprint":    func(cfg *Config) { cfg.Fingerprint = print.String() },
		"with the code":  func(cfg *Config) { cfg.Code = func() string { return goodCode + "@sha256:" + print.String() } },
		"on first use":   func(cfg *Config) { cfg.TrustOnFirstUse = true },
		"neither of all": func(*Config) {},
	} {
		t.Run(name, func(t *testing.T) {
			served = authority.leaf(t, farOff, "elsewhere.test")
			print = fingerprintOf(certificates(pemOf(served))[0])
			cfg := f.config(t.TempDir())
			cfg.RootCAs = nil
			bare := cfg
			trust(&cfg)
			c := f.clientOf(cfg)
			if err := c.attempt(t.Context()); err != nil {
				if name != "neither of all" {
					t.Fatal(err)
				}
				return
			}
			if s := c.Status(); s.Trust != TrustFingerprint || s.BundleRefused || s.TrustOrigin == "" {
				t.Errorf("%+v", s)
			}
			again := f.clientOf(bare)
			post(t, again)
			served = authority.leaf(t, farOff, "elsewhere.test")
			again.Close()
			sent := len(f.requests)
			if err := again.Post(t.Context(), wire.PathHeartbeat, nil, nil); err == nil || len(f.requests) != sent {
				t.Errorf("another certificate: %v", err)
			}
		})
	}
}

func TestARedirectTakesNothingElsewhere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fraud := &impostor{}
	fraud.serve(t, listener, nil)
	f := start(t, "engine.test")
	f.set(func() { f.poll = 0 })
	c := f.enrolled()
	f.answer(wire.PathHeartbeat, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+listener.Addr().String()+r.URL.Path, http.StatusTemporaryRedirect)
	})
	if err := c.heartbeat(t.Context()); !is(err, http.StatusTemporaryRedirect) {
		t.Errorf("%v", err)
	}
	if text, met := fraud.heard(); met != 0 {
		t.Errorf("met %d times: %q", met, text)
	}
}
