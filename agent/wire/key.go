package wire

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ParseKey reads an Ed25519 public key as the Engine writes it: standard base64 of the SubjectPublicKeyInfo DER.
func ParseKey(text string) (ed25519.PublicKey, error) {
	der, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("signing key: not an Ed25519 key")
	}
	return key, nil
}
