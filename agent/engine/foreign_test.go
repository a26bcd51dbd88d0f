package engine

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// FuzzTicket feeds the answer to an enrollment request: nonce, reference and status.
func FuzzTicket(f *testing.F) {
	f.Add("pending", "3f0c2a9e-6d41-4b7e-9c55-0a1b2c3d4e5f", "oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=")
	f.Add("approved", "r", "AAAA")
	f.Add("pending", "", "%%%")
	c := startFuzz(f)
	f.Fuzz(func(t *testing.T, status, reference, nonce string) {
		poll, err := c.prove(wire.EnrollTicket{Status: status, ApprovalReference: reference, ServerNonce: nonce}, make([]byte, nonceLen))
		if err != nil {
			if !errors.Is(err, ErrAnswer) {
				t.Fatalf("%v, want ErrAnswer", err)
			}
			return
		}
		if poll.ApprovalReference != reference || len(poll.ProofSig) != 88 || nonce == "" {
			t.Fatalf("%q %q %q: poll %+v", status, reference, nonce, poll)
		}
	})
}

// idle is a fake that nobody reaches.
func idle(t testing.TB) *fake { return &fake{t: t, net: newPipeNet(), log: new(bytes.Buffer)} }

// startFuzz is a client for fuzzing, which dials nothing.
func startFuzz(f *testing.F) *Client {
	f.Helper()
	c, err := New(idle(f).config(f.TempDir()))
	if err != nil {
		f.Fatal(err)
	}
	return c
}

// FuzzBundle feeds the certificates of an enrollment answer: whatever comes, a bundle that the connection does not
// verify under is not pinned, and one that is pinned opens again.
func FuzzBundle(f *testing.F) {
	authority := newCerts(f)
	served := authority.leaf(f, farOff, "engine.test")
	chain := certificates(pemOf(served))
	f.Add(string(authority.pem))
	f.Add(string(pemOf(served)) + string(authority.pem))
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	f.Add(strings.Repeat(string(authority.pem), 3)[:1000])
	f.Fuzz(func(t *testing.T, text string) {
		cfg := idle(t).config(t.TempDir())
		cfg.RootCAs = authority.pem
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		pinned, err := c.door.consider(text, &tls.ConnectionState{PeerCertificates: chain})
		if !pinned {
			if c.Status().Trust != TrustGiven {
				t.Fatalf("not pinned (%v), but trust is %q", err, c.Status().Trust)
			}
			return
		}
		bundle, err := cfg.Tree.Bundle()
		if err != nil {
			t.Fatal(err)
		}
		pool, err := parseBundle(bundle)
		if err == nil {
			err = verifyChain(chain, pool, "engine.test", time.Now())
		}
		if err != nil {
			t.Fatalf("%q is pinned, and does not verify: %v", text, err)
		}
		if len(bundlePrint(bundle)) != 64 {
			t.Fatalf("print %q", bundlePrint(bundle))
		}
	})
}

// FuzzTokens feeds the tokens of an enrollment: what is taken up is what lies on disk, and fits into a header.
func FuzzTokens(f *testing.F) {
	f.Add("eyJhbGciOiJFZERTQSJ9.e30.c2ln", "q1Zb", "7B1E9C40-52AD-4E0B-8F6C-1D2E3F4A5B6C", "900")
	f.Add("a\r\nX-Evil: 1", "r", "7B1E9C40-52AD-4E0B-8F6C-1D2E3F4A5B6C", "1e300")
	f.Add(" a ", strings.Repeat("r", maxToken+1), "{7b1e9c40-52ad-4e0b-8f6c-1d2e3f4a5b6c}", "-1")
	f.Fuzz(func(t *testing.T, access, refresh, guid, expires string) {
		synctest.Test(t, func(t *testing.T) {
			cfg := idle(t).config(t.TempDir())
			c, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			err = c.adopt(wire.EnrollDecision{GUID: guid, AccessToken: access, RefreshToken: refresh, ExpiresIn: wire.Number(expires)}, nil)
			kept, broken := cfg.Tree.Tokens()
			if broken != nil {
				t.Fatal(broken)
			}
			if err != nil {
				if !errors.Is(err, ErrAnswer) || kept != (settings.Tokens{}) {
					t.Fatalf("%v, and %v on disk", err, kept)
				}
				return
			}
			if kept.Access != access || kept.Refresh != refresh || strings.ContainsAny(access, "\r\n ") {
				t.Fatalf("took %q and %q, and %q and %q are on disk", access, refresh, kept.Access, kept.Refresh)
			}
		})
	})
}

// FuzzChain feeds what a server may present beneath a fingerprint.
func FuzzChain(f *testing.F) {
	authority := newCerts(f)
	served := authority.leaf(f, farOff, "engine.test")
	want := fingerprintOf(certificates(pemOf(served))[0])
	f.Add(served.Certificate[0])
	f.Add(authority.cert.Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		err = verifyPrint([]*x509.Certificate{cert}, want, "engine.test", time.Now())
		if (err == nil) != (string(der) == string(served.Certificate[0])) {
			t.Fatalf("%x: %v", der, err)
		}
	})
}
