package x509

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

const (
	// maxText and maxCertificates hold a distribution's whole bundle of roots.
	maxText         = 1 << 20
	maxCertificates = 1024
	// maxRSABits keeps a made-up key from costing seconds to check with.
	maxRSABits = 16384
)

// parse reads the certificates of a PEM text, passing over whatever else it holds, or one certificate in DER.
func parse(where string, data []byte) ([]*x509.Certificate, error) {
	if len(data) > maxText {
		return nil, bindings.Fail("limit", "%s: %d bytes are more than %d", where, len(data), maxText)
	}
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		c, err := one(where, data)
		return []*x509.Certificate{c}, err
	}
	var out []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if len(out) == maxCertificates {
			return nil, bindings.Fail("limit", "%s: more than %d certificates", where, maxCertificates)
		}
		c, err := one(where, block.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if out == nil {
		return nil, bindings.Fail("syntax", "%s: no certificate in it", where)
	}
	return out, nil
}

func one(where string, der []byte) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, bindings.Fail("syntax", "%s: %w", where, err)
	}
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSABits {
		return nil, bindings.Fail("limit", "%s: an RSA key of %d bits, more than %d", where, key.N.BitLen(), maxRSABits)
	}
	return c, nil
}
