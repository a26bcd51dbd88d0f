package enginetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
)

// loadKey reads an Ed25519 key from the state folder, or makes one and keeps it there.
func loadKey(s state, name string) (ed25519.PrivateKey, error) {
	text, err := s.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(s, name)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM block", name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: not an Ed25519 key: %T", name, key)
	}
	return private, nil
}

func makeKey(s state, name string) (ed25519.PrivateKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	text, err := encodeKey(private)
	if err != nil {
		return nil, err
	}
	return private, s.write(name, text)
}

// encodeKey gives any private key as PKCS#8 PEM.
func encodeKey(key any) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// spki is the DER SubjectPublicKeyInfo of an Ed25519 key: a constant prefix and the 32 bytes.
func spki(key ed25519.PublicKey) []byte {
	prefix := []byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}
	return append(prefix, key...)
}

// parseSPKI reads an Ed25519 public key from its DER SubjectPublicKeyInfo.
func parseSPKI(der []byte) (ed25519.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("not an Ed25519 key: %T", key)
	}
	return public, nil
}

// fingerprint is what the wire calls ssl_key_fingerprint: the hex SHA-256 of a device key's SPKI.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// signingKeyText is the script-signing key as answers and jobs carry it.
func (e *Engine) signingKeyText() string {
	return base64.StdEncoding.EncodeToString(spki(e.SigningKey()))
}

// SigningKey is the public key that scripts and jobs of this Engine are signed with.
func (e *Engine) SigningKey() ed25519.PublicKey {
	return e.scriptKey.Public().(ed25519.PublicKey)
}

// Sign signs b with the script-signing key, as Send signs a script.
func (e *Engine) Sign(b []byte) []byte { return ed25519.Sign(e.scriptKey, b) }
