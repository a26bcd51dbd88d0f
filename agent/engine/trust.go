package engine

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

// Trust names what the Engine's certificate is verified against.
type Trust string

// The sources of trust, the strongest first.
const (
	TrustPinned      Trust = "pinned"             // the bundle that came with the enrollment
	TrustFingerprint Trust = "engine-fingerprint" // one certificate, or all under one root, by its SHA-256
	TrustGiven       Trust = "engine-ca"          // the roots of the configuration
	TrustSystem      Trust = "system"             // the roots of the operating system
	TrustFirstUse    Trust = "trust-on-first-use" // explicitly allowed: whoever answers first
	TrustNone        Trust = "plain"              // http to loopback, explicitly allowed
)

// anchor is what certificates are verified against.
type anchor struct {
	trust  Trust
	pool   *x509.CertPool // nil is the system's
	bundle []byte         // PEM, when pinned
	print  Fingerprint    // for TrustFingerprint
	bound  string         // what tokens are bound to: the pinned roots or the fingerprint, "" when neither is there
}

func (a anchor) equal(b anchor) bool {
	return a.trust == b.trust && bytes.Equal(a.bundle, b.bundle) && a.print == b.print
}

// door is the one way out to the Engine: an HTTP client whose TLS trusts what the device trusts at the moment.
type door struct {
	cfg   Config
	base  *url.URL
	proxy proxyFunc

	mu       sync.Mutex
	client   *http.Client
	anchor   anchor
	note     settings.TrustNote
	expected Fingerprint // of the configuration, or of the enrollment code
	first    Fingerprint // of the first certificate met on first use
	refused  bool        // a bundle came that does not fit the connection
}

func newDoor(cfg Config, base *url.URL) (*door, error) {
	d := &door{cfg: cfg, base: base}
	var err error
	if d.proxy, err = chooseProxy(cfg); err != nil {
		return nil, err
	}
	if cfg.Fingerprint != "" {
		if d.expected, err = ParseFingerprint(cfg.Fingerprint); err != nil {
			return nil, fmt.Errorf("engine-fingerprint: %w", err)
		}
	}
	return d, d.reopen()
}

// reopen takes up what is trusted now.
func (d *door) reopen() error {
	note, err := d.cfg.Tree.TrustNote()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note = note
	now, err := d.chooseLocked()
	if err != nil {
		return err
	}
	if d.client != nil {
		if d.anchor.equal(now) {
			return nil
		}
		d.client.CloseIdleConnections()
	}
	d.client, d.anchor = d.newClient(now), now
	return nil
}

// chooseLocked is the anchor of now: the pinned bundle if there is one, else a fingerprint, the given roots, whoever
// answers first if that is allowed and nobody was trusted yet, and the system's roots.
func (d *door) chooseLocked() (anchor, error) {
	if d.base.Scheme != "https" {
		return anchor{trust: TrustNone}, nil
	}
	bundle, err := d.cfg.Tree.Bundle()
	if err != nil {
		return anchor{}, err
	}
	if bundle != nil {
		if bytes.Equal(bundle, d.anchor.bundle) {
			return d.anchor, nil
		}
		pool, err := parseBundle(bundle)
		if err != nil {
			return anchor{}, fmt.Errorf("pinned bundle: %w; delete it and enroll again", err)
		}
		return anchor{trust: TrustPinned, pool: pool, bundle: bundle, bound: bundlePrint(bundle)}, nil
	}
	print := d.expected
	if print == (Fingerprint{}) && d.note.Fingerprint != "" {
		if print, err = ParseFingerprint(d.note.Fingerprint); err != nil {
			return anchor{}, fmt.Errorf("engine_trust.json: %w; delete it and enroll again", err)
		}
	}
	if print != (Fingerprint{}) {
		return anchor{trust: TrustFingerprint, print: print, bound: print.String()}, nil
	}
	if len(d.cfg.RootCAs) > 0 {
		pool, err := parseBundle(d.cfg.RootCAs)
		if err != nil {
			return anchor{}, fmt.Errorf("engine-ca: %w", err)
		}
		return anchor{trust: TrustGiven, pool: pool}, nil
	}
	if d.cfg.TrustOnFirstUse {
		return d.firstUseLocked()
	}
	return anchor{trust: TrustSystem}, nil
}

// firstUseLocked is for a device that has never trusted an Engine: one that has tokens, or a note, must not hand them
// to whoever answers.
func (d *door) firstUseLocked() (anchor, error) {
	tokens, err := d.cfg.Tree.Tokens()
	if err != nil {
		return anchor{}, err
	}
	if d.note.Source != "" || tokens.Refresh != "" {
		return anchor{trust: TrustSystem}, nil
	}
	return anchor{trust: TrustFirstUse}, nil
}

// expect takes up the fingerprint that came with an enrollment code. One of the configuration stays.
func (d *door) expect(print Fingerprint) error {
	d.mu.Lock()
	if d.expected == (Fingerprint{}) {
		d.expected = print
	}
	d.mu.Unlock()
	return d.reopen()
}

func (d *door) newClient(a anchor) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 d.proxy,
			DialContext:           d.cfg.Dial,
			TLSClientConfig:       d.tlsConfig(a),
			TLSHandshakeTimeout:   15 * time.Second,
			ResponseHeaderTimeout: callTimeout,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   4,
		},
		// A redirect would carry the body, and with it a code or a token, to a place that nobody named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// tlsConfig verifies against a. Go's own check does it under roots; it is replaced in three cases only. Stock
// certificates name addresses as DNS names, so under roots of our own a literal IP is verified without a name. A
// fingerprint, and the first use, are no roots.
func (d *door) tlsConfig(a anchor) *tls.Config {
	conf := &tls.Config{RootCAs: a.pool, MinVersion: tls.VersionTLS12, Time: d.cfg.Now}
	var check func(chain []*x509.Certificate) error
	switch {
	case a.trust == TrustFingerprint:
		check = func(chain []*x509.Certificate) error { return verifyPrint(chain, a.print, d.name(), d.cfg.Now()) }
	case a.trust == TrustFirstUse:
		check = d.verifyFirstUse
	case a.pool != nil && d.name() == "":
		check = func(chain []*x509.Certificate) error { return verifyChain(chain, a.pool, "", d.cfg.Now()) }
	default:
		return conf
	}
	conf.InsecureSkipVerify = true // VerifyConnection does all of it
	conf.VerifyConnection = func(cs tls.ConnectionState) error {
		if err := check(cs.PeerCertificates); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: cs.PeerCertificates, Err: err}
		}
		return nil
	}
	return conf
}

// verifyFirstUse takes the first certificate as it is, and only that one from then on.
func (d *door) verifyFirstUse(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errNoCertificate
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	print := fingerprintOf(chain[0])
	if d.first != (Fingerprint{}) {
		print = d.first
	}
	err := verifyPrint(chain, print, "", d.cfg.Now())
	if err == nil {
		d.first = print
	}
	return err
}

// name is the name that a certificate under roots of our own must have, "" for a literal IP.
func (d *door) name() string {
	if net.ParseIP(d.base.Hostname()) != nil {
		return ""
	}
	return d.base.Hostname()
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
	if err == nil && d.source() == TrustSystem && len(rootsOf(bundle)) == 0 {
		err = errors.New("it holds no root, so the next renewal of the certificate would end the trust")
	}
	d.mu.Lock()
	d.refused = err != nil
	d.mu.Unlock()
	if err != nil {
		return false, fmt.Errorf("bundle of the enrollment is not pinned: %w", err)
	}
	vouched := d.source()
	if err := d.cfg.Tree.PinBundle(bundle); err != nil {
		return false, err
	}
	if vouched != TrustPinned {
		err = d.cfg.Tree.SaveTrustNote(settings.TrustNote{Source: string(vouched)})
	}
	return true, errors.Join(err, d.reopen())
}

// settle keeps what vouched for the Engine that an enrollment was asked of, when no bundle took its place: from here on
// it is a fingerprint that came with a code, or the certificate of the first use, that must answer.
func (d *door) settle() error {
	d.mu.Lock()
	now, note := d.anchor, settings.TrustNote{Source: string(d.anchor.trust)}
	switch now.trust {
	case TrustFingerprint:
		note.Fingerprint = now.print.String()
	case TrustFirstUse:
		note.Fingerprint = d.first.String()
	}
	keep := now.trust == TrustPinned || now.trust == TrustNone || d.note == note ||
		(note.Fingerprint != "" && note.Fingerprint == d.note.Fingerprint)
	d.mu.Unlock()
	if keep {
		return nil
	}
	if err := d.cfg.Tree.SaveTrustNote(note); err != nil {
		return err
	}
	return d.reopen()
}

// binding names what tokens are bound to.
func (d *door) binding() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.anchor.bound
}

func (d *door) pinnedTo(bundle []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.anchor.trust == TrustPinned && bytes.Equal(d.anchor.bundle, bundle)
}

func (d *door) source() Trust {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.anchor.trust
}

func (d *door) http() *http.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.client
}
