package enginetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRestartKeepsEverything(t *testing.T) {
	cfg := Config{Dir: filepath.Join(t.TempDir(), "a folder"), AutoApprove: true}
	first, err := New(cfg)
	must(t, err)
	p := newProbe(t, first, "LAB-NODE-07")
	p.enroll()
	p.reportDetails()
	p.post("/api/agent/heartbeat", `{"metrics":{"uptime":7}}`)
	waiting := newProbe(t, first, "waits")
	waiting.ask()
	mustExec(t, first, `UPDATE approvals SET status = 'pending', guid = '' WHERE status = 'approved'`)
	before := struct {
		devices []Device
		pending []Pending
		details string
		keys    []string
	}{first.Devices(), first.Pending(), string(first.Details(p.guid)), engineKeys(first)}
	must(t, first.Close())
	must(t, first.Close())

	second := Start(t, cfg)
	if got := second.Devices(); !reflect.DeepEqual(got, before.devices) || len(got) != 1 {
		t.Errorf("devices:\n%+v\n%+v", before.devices, got)
	}
	if got := second.Pending(); !reflect.DeepEqual(got, before.pending) || len(got) != 1 {
		t.Errorf("pending:\n%+v\n%+v", before.pending, got)
	}
	if got := string(second.Details(p.guid)); got != before.details {
		t.Errorf("details: %s, before %s", got, before.details)
	}
	if got := engineKeys(second); !reflect.DeepEqual(got, before.keys) {
		t.Errorf("keys, certificates or code changed")
	}
	p.e = second
	if r := p.post("/api/agent/heartbeat", "{}"); r.status != http.StatusOK {
		t.Errorf("old access token: %d %s", r.status, r.text)
	}
	if r := p.renew(); r.status != http.StatusOK {
		t.Errorf("old refresh token: %d %s", r.status, r.text)
	}
	waiting.e = second
	if _, err := second.Approve("waits"); err != nil {
		t.Error(err)
	}
	if r := waiting.poll(); r.str("access_token") == "" {
		t.Errorf("old request: %d %s", r.status, r.text)
	}
}

func engineKeys(e *Engine) []string {
	return []string{e.signingKeyText(), string(e.BundlePEM()), string(e.RootPEM()), e.Code(), string(e.tokens.key)}
}

func TestRootFile(t *testing.T) {
	e := Start(t, Config{Dir: t.TempDir()})
	if text, err := os.ReadFile(e.RootFile()); err != nil || !bytes.Equal(text, e.RootPEM()) {
		t.Errorf("root file %q: %v", e.RootFile(), err)
	}
}

func TestOneEnginePerFolder(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	for range 2 { // a folder in use, and then one that is not new
		e, err := New(cfg)
		must(t, err)
		if _, err := New(cfg); !errors.Is(err, ErrInUse) {
			t.Errorf("a second Engine: %v", err)
		}
		must(t, e.Close())
	}
}

func TestFolderOfAnotherVersion(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	e, err := New(cfg)
	must(t, err)
	mustExec(t, e, `PRAGMA user_version = 99`)
	must(t, e.Close())
	if _, err := New(cfg); !errors.Is(err, ErrVersion) {
		t.Errorf("%v", err)
	}
}

func TestDamagedFolder(t *testing.T) {
	for _, name := range []string{fileRootKey, fileLeafKey, fileTokenKey, fileScriptKey, fileDatabase} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Dir: t.TempDir()}
			e, err := New(cfg)
			must(t, err)
			must(t, e.Close())
			must(t, os.WriteFile(e.state.path(name), []byte("damaged"), 0o600))
			if e, err := New(cfg); err == nil {
				e.Close()
				t.Error("an Engine started on a damaged key")
			} else if !strings.Contains(err.Error(), name) && name != fileDatabase {
				t.Errorf("the error does not name %s: %v", name, err)
			}
		})
	}
}

func TestAddressInUse(t *testing.T) {
	e := Start(t, Config{})
	at, err := url.Parse(e.URL())
	must(t, err)
	if _, err := New(Config{Addr: "127.0.0.1:" + at.Port()}); err == nil {
		t.Error("two Engines listen on one address")
	}
}

// leaf gives what the Engine shows to whoever connects.
func leaf(t *testing.T, e *Engine) *x509.Certificate {
	t.Helper()
	at, err := url.Parse(e.URL())
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(e.RootPEM())
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: pool}}
	conn, err := dialer.DialContext(t.Context(), "tcp", at.Host)
	must(t, err)
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
}

func TestStockCertificates(t *testing.T) {
	e := Start(t, Config{})
	cert := leaf(t, e)
	if cert.Subject.CommonName != "Borealis Server" || cert.Issuer.CommonName != "Borealis Root CA" || cert.Issuer.Organization[0] != "Borealis" {
		t.Errorf("leaf of %v by %v", cert.Subject, cert.Issuer)
	}
	if want := []string{"localhost", "127.0.0.1", "::1"}; !reflect.DeepEqual(cert.DNSNames, want) || len(cert.IPAddresses) != 0 {
		t.Errorf("names %v, addresses %v", cert.DNSNames, cert.IPAddresses)
	}
	if cert.VerifyHostname("localhost") != nil || cert.VerifyHostname("127.0.0.1") == nil {
		t.Error("the stock leaf is good for localhost and not for a literal address")
	}
	block, _ := pem.Decode(e.RootPEM())
	root, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	for _, c := range []*x509.Certificate{root, cert} {
		key, isECDSA := c.PublicKey.(*ecdsa.PublicKey)
		if !isECDSA || key.Curve != elliptic.P384() || c.SignatureAlgorithm != x509.ECDSAWithSHA384 {
			t.Errorf("%v: %T, %v", c.Subject, c.PublicKey, c.SignatureAlgorithm)
		}
	}
	if years := root.NotAfter.Sub(root.NotBefore).Hours() / 24 / 365; years < 99 || !root.IsCA {
		t.Errorf("the root lasts %v years, CA %v", years, root.IsCA)
	}
}

func TestIPSANs(t *testing.T) {
	dir := t.TempDir()
	stock, err := New(Config{Dir: dir})
	must(t, err)
	must(t, stock.Close())
	e := Start(t, Config{Dir: dir, IPSANs: true})
	if at, err := url.Parse(e.URL()); err != nil || at.Hostname() != "127.0.0.1" {
		t.Errorf("URL %q", e.URL())
	}
	cert := leaf(t, e)
	if cert.VerifyHostname("127.0.0.1") != nil || cert.VerifyHostname("::1") != nil || cert.VerifyHostname("localhost") != nil {
		t.Errorf("names %v, addresses %v", cert.DNSNames, cert.IPAddresses)
	}
	if !bytes.Equal(e.RootPEM(), stock.RootPEM()) {
		t.Error("the root changed with the leaf")
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		listen, stock, addressed string
		more                     int
	}{
		{"127.0.0.1:5000", "localhost:5000", "127.0.0.1:5000", 0},
		{"[::1]:5000", "localhost:5000", "[::1]:5000", 0},
		{"[::]:5000", "localhost:5000", "127.0.0.1:5000", 0},
		{"192.0.2.7:5000", "192.0.2.7:5000", "192.0.2.7:5000", 1},
	} {
		addr, err := net.ResolveTCPAddr("tcp", c.listen)
		must(t, err)
		if host, ips := names(Config{}, addr); host != c.stock || ips != nil {
			t.Errorf("%s: %s %v", c.listen, host, ips)
		}
		if host, ips := names(Config{IPSANs: true}, addr); host != c.addressed || len(ips) != 2+c.more {
			t.Errorf("%s: %s %v", c.listen, host, ips)
		}
	}
}

func TestPlainHTTPIsRefused(t *testing.T) {
	e := Start(t, Config{})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	r, err := client.Get(strings.Replace(e.URL(), "https:", "http:", 1) + "/health")
	if err == nil {
		defer r.Body.Close()
		if r.StatusCode != http.StatusBadRequest {
			t.Errorf("plain http: %s", r.Status)
		}
	}
}

func TestCloseEndsWaitingRequests(t *testing.T) {
	e, err := New(Config{})
	must(t, err)
	p := newProbe(t, e, "host")
	entered := make(chan struct{})
	e.Fault("/health", func(_ http.ResponseWriter, r *http.Request) bool {
		close(entered)
		<-r.Context().Done()
		return true
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if r, err := p.client.Get(e.URL() + "/health"); err == nil {
			r.Body.Close()
		}
	}()
	<-entered
	must(t, e.Close())
	<-done
	if _, err := e.Approve(""); err == nil || e.Devices() != nil {
		t.Error("a closed Engine answers")
	}
}

func TestEngineInMemory(t *testing.T) {
	e := Start(t, Config{Now: func() time.Time { return time.Unix(0, 0) }})
	if e.OperatorToken() == "" || e.RootFile() != "" {
		t.Errorf("in memory: token %q, root file %q", e.OperatorToken(), e.RootFile())
	}
}
