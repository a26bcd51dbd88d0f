// Package x509 is the Lua module x509: certificates read and checked. It promises what Go's crypto/x509 promises, with
// the reason for a refusal as a code. It issues nothing, and asks nobody about revocation. It is apart from crypto
// since linking crypto/x509 costs every worker that runs alone 0.7 MB; so it is carried out by the core.
package x509

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"net"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

//go:embed x509.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{Name: "x509", Face: face, Open: open}

type module struct{ host bindings.Host }

func open(host bindings.Host) (*bindings.Instance, error) {
	m := &module{host}
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"read": {Do: read},
		// The system's own verifier may ask its network for what is missing in a chain.
		"verify": {Do: m.verify, Waits: true},
	}}, nil
}

// certificate is what roles see of one.
type certificate struct {
	Subject     string    `lua:"subject"`
	Issuer      string    `lua:"issuer"`
	Serial      string    `lua:"serial"`
	NotBefore   time.Time `lua:"not_before"`
	NotAfter    time.Time `lua:"not_after"`
	DNSNames    []string  `lua:"dns_names"`
	IPAddresses []string  `lua:"ip_addresses"`
	SHA256      string    `lua:"sha256"`
	IsCA        bool      `lua:"is_ca"`
	KeyType     string    `lua:"key_type"`
}

func read(_ context.Context, data []byte) ([]certificate, error) {
	found, err := parse("argument 1", data)
	if err != nil {
		return nil, err
	}
	return shown(found), nil
}

func shown(list []*x509.Certificate) []certificate {
	out := make([]certificate, len(list))
	for i, c := range list {
		sum := sha256.Sum256(c.Raw)
		out[i] = certificate{
			Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: c.SerialNumber.Text(16),
			NotBefore: c.NotBefore, NotAfter: c.NotAfter,
			DNSNames: c.DNSNames, IPAddresses: texts(c.IPAddresses),
			SHA256: hex.EncodeToString(sum[:]), IsCA: c.BasicConstraintsValid && c.IsCA, KeyType: keyType(c.PublicKey),
		}
	}
	return out
}

func texts(addresses []net.IP) []string {
	out := make([]string, len(addresses))
	for i, a := range addresses {
		out[i] = a.String()
	}
	return out
}

func keyType(key any) string {
	switch key.(type) {
	case *rsa.PublicKey:
		return "rsa"
	case *ecdsa.PublicKey:
		return "ecdsa"
	case ed25519.PublicKey:
		return "ed25519"
	}
	return "other"
}
