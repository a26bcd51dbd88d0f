package engine

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fingerprint is the SHA-256 of a certificate in DER.
type Fingerprint [sha256.Size]byte

// ParseFingerprint reads a fingerprint as tools print it: 64 hexadecimal digits of either case, with or without colons,
// blanks and a "sha256:" before them.
func ParseFingerprint(text string) (f Fingerprint, err error) {
	digits := strings.ToLower(strings.TrimSpace(text))
	digits = strings.TrimPrefix(digits, "sha256:")
	digits = strings.NewReplacer(":", "", " ", "").Replace(digits)
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != len(f) {
		return f, fmt.Errorf("%q is no SHA-256 fingerprint: want 64 hexadecimal digits", text)
	}
	copy(f[:], raw)
	if f == (Fingerprint{}) {
		return f, fmt.Errorf("%q is the fingerprint of nothing", text)
	}
	return f, nil
}

// String is the fingerprint in lower-case hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

func fingerprintOf(cert *x509.Certificate) Fingerprint { return sha256.Sum256(cert.Raw) }

var errNoCertificate = errors.New("the Engine presented no certificate")

// verifyChain verifies what a server presented. An empty name is not checked.
func verifyChain(chain []*x509.Certificate, roots *x509.CertPool, name string, now time.Time) error {
	if len(chain) == 0 {
		return errNoCertificate
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

// verifyPrint verifies a chain by the fingerprint of one of its certificates. When that is the server's own, it says
// who the server is, whatever name it bears; when it is a root, the name counts as ever.
func verifyPrint(chain []*x509.Certificate, want Fingerprint, name string, now time.Time) error {
	for i, cert := range chain {
		if fingerprintOf(cert) != want {
			continue
		}
		if i == 0 {
			name = ""
		}
		pool := x509.NewCertPool()
		pool.AddCert(cert)
		return verifyChain(chain, pool, name, now)
	}
	if len(chain) == 0 {
		return errNoCertificate
	}
	return fmt.Errorf("neither the certificate, whose fingerprint is %s, nor its issuers have the fingerprint %s", fingerprintOf(chain[0]), want)
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

// rootsOf are the self-issued certificates of a bundle.
func rootsOf(text []byte) []*x509.Certificate {
	return slices.DeleteFunc(certificates(text), func(c *x509.Certificate) bool { return !bytes.Equal(c.RawIssuer, c.RawSubject) })
}

func certificates(text []byte) (all []*x509.Certificate) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			all = append(all, cert)
		}
	}
	return all
}

// bundlePrint names a bundle by its roots, so that a renewed certificate under the same root changes nothing; by all
// its certificates when it has no root.
func bundlePrint(text []byte) string {
	counted := rootsOf(text)
	if len(counted) == 0 {
		counted = certificates(text)
	}
	prints := make([]string, 0, len(counted))
	for _, cert := range counted {
		prints = append(prints, fingerprintOf(cert).String())
	}
	slices.Sort(prints)
	if prints = slices.Compact(prints); len(prints) == 1 {
		return prints[0]
	}
	sum := sha256.Sum256([]byte(strings.Join(prints, ":")))
	return hex.EncodeToString(sum[:])
}
