package enginetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"slices"
	"time"
)

// chain is what the Engine shows and hands out: its leaf, and the root that issued it.
type chain struct {
	root   []byte // PEM
	bundle []byte // PEM: leaf, then root, as enrollment delivers it
	served tls.Certificate
}

// issuer is a certificate with its key.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// loadChain takes root and leaf from the state folder. It issues what is absent, and a new leaf when the names differ.
func loadChain(s state, ips []net.IP) (chain, error) {
	root, err := loadIssuer(s, fileRootKey)
	if errors.Is(err, fs.ErrNotExist) {
		root, err = makeRoot(s)
	}
	if err != nil {
		return chain{}, fmt.Errorf("root certificate: %w", err)
	}
	leaf, err := loadIssuer(s, fileLeafKey)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !slices.EqualFunc(leaf.cert.IPAddresses, ips, net.IP.Equal) {
		leaf, err = makeLeaf(s, root, ips)
	}
	if err != nil {
		return chain{}, fmt.Errorf("server certificate: %w", err)
	}
	c := chain{root: encodeCert(root.cert)}
	c.bundle = append(encodeCert(leaf.cert), c.root...)
	c.served = tls.Certificate{Certificate: [][]byte{leaf.cert.Raw, root.cert.Raw}, PrivateKey: leaf.key}
	return c, s.write(fileRoot, c.root)
}

// loadIssuer reads a certificate and its key from one file, so that the two cannot part.
func loadIssuer(s state, name string) (issuer, error) {
	text, err := s.read(name)
	if err != nil {
		return issuer{}, err
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return issuer{}, fmt.Errorf("%s: %w", name, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return issuer{}, fmt.Errorf("%s: not an ECDSA key: %T", name, pair.PrivateKey)
	}
	return issuer{cert: pair.Leaf, key: key}, nil
}

func makeRoot(s state) (issuer, error) {
	template := newTemplate("Borealis Root CA", 100)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return issue(s, template, nil, fileRootKey)
}

func makeLeaf(s state, root issuer, ips []net.IP) (issuer, error) {
	template := newTemplate("Borealis Server", 5)
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames = []string{"localhost", "127.0.0.1", "::1"} // the addresses as DNS names: so does the original
	template.IPAddresses = ips
	return issue(s, template, &root, fileLeafKey)
}

func newTemplate(name string, years int) *x509.Certificate {
	start := time.Now().Add(-time.Hour)
	return &x509.Certificate{
		Subject:            pkix.Name{CommonName: name, Organization: []string{"Borealis"}},
		SignatureAlgorithm: x509.ECDSAWithSHA384,
		NotBefore:          start,
		NotAfter:           start.AddDate(years, 0, 0),
	}
}

// issue makes a P-384 key and a certificate for it, signed by by (by itself when nil), and keeps both.
func issue(s state, template *x509.Certificate, by *issuer, name string) (issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return issuer{}, err
	}
	if by == nil {
		by = &issuer{cert: template, key: key}
	}
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return issuer{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		return issuer{}, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return issuer{}, err
	}
	text, err := encodeKey(key)
	if err != nil {
		return issuer{}, err
	}
	return issuer{cert: cert, key: key}, s.write(name, append(encodeCert(cert), text...))
}

func encodeCert(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}
