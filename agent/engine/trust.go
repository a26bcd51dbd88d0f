package engine

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Trust names what the Engine's certificate is verified against.
type Trust string

// The sources of trust, the strongest first.
const (
	TrustPinned Trust = "pinned"    // the bundle that came with the enrollment
	TrustGiven  Trust = "engine-ca" // the roots of the configuration
	TrustSystem Trust = "system"    // the roots of the operating system
	TrustNone   Trust = "plain"     // http to loopback, explicitly allowed
)

// door is the one way out to the Engine: an HTTP client whose TLS trusts what the device trusts at the moment.
type door struct {
	cfg  Config
	base *url.URL

	mu      sync.Mutex
	client  *http.Client
	trust   Trust
	bundle  []byte // PEM, when pinned
	refused bool   // a bundle came that does not fit the connection
}

func newDoor(cfg Config, base *url.URL) (*door, error) {
	d := &door{cfg: cfg, base: base}
	return d, d.reopen()
}

// reopen takes up what is trusted now: the pinned bundle if there is one, else the given roots, else the system's.
func (d *door) reopen() error {
	if d.base.Scheme != "https" {
		d.install(TrustNone, nil, nil)
		return nil
	}
	bundle, err := d.cfg.Tree.Bundle()
	if err != nil {
		return err
	}
	switch {
	case bundle != nil:
		pool, err := parseBundle(bundle)
		if err != nil {
			return fmt.Errorf("pinned bundle: %w; delete it to trust --engine-ca or the system's roots again", err)
		}
		d.install(TrustPinned, pool, bundle)
	case len(d.cfg.RootCAs) > 0:
		pool, err := parseBundle(d.cfg.RootCAs)
		if err != nil {
			return fmt.Errorf("engine-ca: %w", err)
		}
		d.install(TrustGiven, pool, nil)
	default:
		d.install(TrustSystem, nil, nil)
	}
	return nil
}

// install replaces the client unless it trusts just this already.
func (d *door) install(trust Trust, pool *x509.CertPool, bundle []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client != nil {
		if d.trust == trust && bytes.Equal(d.bundle, bundle) {
			return
		}
		d.client.CloseIdleConnections()
	}
	d.client, d.trust, d.bundle = d.newClient(pool), trust, bundle
}

func (d *door) newClient(pool *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 d.cfg.Proxy,
			DialContext:           d.cfg.Dial,
			TLSClientConfig:       d.tlsConfig(pool),
			TLSHandshakeTimeout:   15 * time.Second,
			ResponseHeaderTimeout: callTimeout,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   4,
		},
		// A redirect would carry the body, and with it a code or a token, to a place that nobody named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// tlsConfig verifies against pool, nil being the system's roots. A literal IP under a pool of our own is the one case
// in which Go's check is replaced: stock certificates name addresses as DNS names, so the chain is verified without a
// name.
func (d *door) tlsConfig(pool *x509.CertPool) *tls.Config {
	conf := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, Time: d.cfg.Now}
	if pool != nil && d.name() == "" {
		conf.InsecureSkipVerify = true // VerifyConnection does all of it
		conf.VerifyConnection = func(cs tls.ConnectionState) error {
			if err := verifyChain(cs.PeerCertificates, pool, "", d.cfg.Now()); err != nil {
				return &tls.CertificateVerificationError{UnverifiedCertificates: cs.PeerCertificates, Err: err}
			}
			return nil
		}
	}
	return conf
}

// name is the name that a certificate under roots of our own must have, "" for a literal IP.
func (d *door) name() string {
	if net.ParseIP(d.base.Hostname()) != nil {
		return ""
	}
	return d.base.Hostname()
}

func verifyChain(chain []*x509.Certificate, roots *x509.CertPool, name string, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("the Engine presented no certificate")
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, DNSName: name, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}

// consider pins the bundle of an enrollment answer if the connection that brought it verifies under it too. Otherwise
// what is trusted stays, and says so: the bundle of an Engine behind a proxy would lock the device out.
func (d *door) consider(text string, over *tls.ConnectionState) (pinned bool, err error) {
	bundle := append(bytes.TrimSpace([]byte(text)), '\n')
	if text == "" || over == nil || d.pinnedTo(bundle) {
		return false, nil
	}
	pool, err := parseBundle(bundle)
	if err == nil {
		err = verifyChain(over.PeerCertificates, pool, d.name(), d.cfg.Now())
	}
	if err == nil && d.source() == TrustSystem && !hasRoot(bundle) {
		err = errors.New("it holds no root, so the next renewal of the certificate would end the trust")
	}
	d.mu.Lock()
	d.refused = err != nil
	d.mu.Unlock()
	if err != nil {
		return false, fmt.Errorf("bundle of the enrollment is not pinned: %w", err)
	}
	if err := d.cfg.Tree.PinBundle(bundle); err != nil {
		return false, err
	}
	return true, d.reopen()
}

func (d *door) pinnedTo(bundle []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.trust == TrustPinned && bytes.Equal(d.bundle, bundle)
}

func (d *door) source() Trust {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.trust
}

func (d *door) http() *http.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.client
}

// maxBundle bounds the certificates that are read from a PEM text.
const maxBundle = 64 << 10

func parseBundle(text []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if len(text) > maxBundle {
		return nil, fmt.Errorf("larger than %d bytes", maxBundle)
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("no certificate in it")
	}
	return pool, nil
}

// hasRoot says whether a self-issued certificate is in the bundle.
func hasRoot(text []byte) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err == nil && bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			return true
		}
	}
	return false
}
