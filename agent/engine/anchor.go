package engine

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
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
