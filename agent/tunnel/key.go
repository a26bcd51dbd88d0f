package tunnel

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// The files of the device's own key pair, as upstream names them: the base64 of the raw X25519 keys.
const (
	privateFile = "client_private.key"
	publicFile  = "client_public.key"
)

// Store keeps small files, each for its owner only. One that is missing is fs.ErrNotExist.
type Store interface {
	Read(name string) ([]byte, error)
	Write(name string, data []byte) error
}

// ownKey is the device's own private key, made once. One that cannot be read stays as it is: an operator may mend it.
func (t *Tunnels) ownKey() (string, error) {
	text, err := t.cfg.Keys.Read(privateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return t.makeKey()
	}
	if err != nil {
		return "", fmt.Errorf("tunnel key: %w", err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != 32 {
		return "", fmt.Errorf("tunnel key: %q holds no key of 32 bytes in base64", privateFile)
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}

func (t *Tunnels) makeKey() (string, error) {
	raw := make([]byte, 32)
	if _, err := io.ReadFull(t.cfg.Random, raw); err != nil {
		return "", fmt.Errorf("tunnel key: %w", err)
	}
	key, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		return "", fmt.Errorf("tunnel key: %w", err)
	}
	text := base64.StdEncoding.EncodeToString(raw)
	if err := t.cfg.Keys.Write(publicFile, []byte(base64.StdEncoding.EncodeToString(key.PublicKey().Bytes()))); err != nil {
		return "", fmt.Errorf("tunnel key: %w", err)
	}
	if err := t.cfg.Keys.Write(privateFile, []byte(text)); err != nil {
		return "", fmt.Errorf("tunnel key: %w", err)
	}
	return text, nil
}
