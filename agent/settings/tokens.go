package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"
)

const (
	accessFile  = "access.jwt"
	refreshFile = "refresh.token"
	metaFile    = "access.meta.json"
)

// Tokens is what the Engine gave the device to prove itself with. A missing token is "", an unknown time is zero.
type Tokens struct {
	Access      string
	Refresh     string
	ExpiresAt   time.Time // of Access, by the local clock
	BoundAt     time.Time // when Access was received
	Fingerprint string    // of the device key that the tokens were given to
}

// String keeps the tokens out of what is printed.
func (t Tokens) String() string {
	return fmt.Sprintf("tokens(access %t, refresh %t, expires %s)", t.Access != "", t.Refresh != "", t.ExpiresAt)
}

// GoString is String.
func (t Tokens) GoString() string { return t.String() }

// LogValue is String.
func (t Tokens) LogValue() slog.Value { return slog.StringValue(t.String()) }

type meta struct {
	ExpiresAt   int64  `json:"access_expires_at"`
	Fingerprint string `json:"ssl_key_fingerprint"`
	BoundAt     int64  `json:"access_bound_at"`
}

// Tokens reads the tokens as they lie on disk, where the other process of the device may have put new ones.
func (t *Tree) Tokens() (Tokens, error) {
	var tok Tokens
	var err error
	if tok.Access, err = readText(t.file(accessFile)); err != nil {
		return Tokens{}, fmt.Errorf("access token: %w", err)
	}
	if tok.Refresh, err = t.refreshToken(); err != nil {
		return Tokens{}, err
	}
	tok.readMeta(t.file(metaFile))
	return tok, nil
}

func (t *Tree) refreshToken() (string, error) {
	sealed, err := readFile(t.file(refreshFile))
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(sealed) == 0) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("refresh token: %w", err)
	}
	plain, err := t.sealer.Open(sealed)
	if err != nil {
		return "", fmt.Errorf("refresh token in %q is sealed for another machine or broken, delete it to enroll again: %w", t.file(refreshFile), err)
	}
	return trimText(string(plain)), nil
}

// readMeta fills in what the meta file says. A file that cannot be read costs one refresh, not the tokens.
func (tok *Tokens) readMeta(path string) {
	data, err := readFile(path)
	var m meta
	if err != nil || json.Unmarshal(data, &m) != nil {
		return
	}
	tok.Fingerprint = m.Fingerprint
	if m.ExpiresAt > 0 {
		tok.ExpiresAt = time.Unix(m.ExpiresAt, 0)
	}
	if m.BoundAt > 0 {
		tok.BoundAt = time.Unix(m.BoundAt, 0)
	}
}

// SaveTokens writes all of tok. The refresh token goes first: with it alone the rest can be had again.
func (t *Tree) SaveTokens(tok Tokens) error {
	sealed, err := t.sealer.Seal([]byte(tok.Refresh))
	if err != nil {
		return fmt.Errorf("refresh token: %w", err)
	}
	if err := writeFile(t.file(refreshFile), sealed); err != nil {
		return fmt.Errorf("refresh token: %w", err)
	}
	return t.SaveAccess(tok)
}

// SaveAccess writes the access token of tok and what is known of it, and leaves the refresh token.
func (t *Tree) SaveAccess(tok Tokens) error {
	if err := writeFile(t.file(accessFile), []byte(tok.Access)); err != nil {
		return fmt.Errorf("access token: %w", err)
	}
	text, err := json.MarshalIndent(meta{epoch(tok.ExpiresAt), tok.Fingerprint, epoch(tok.BoundAt)}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(t.file(metaFile), text)
}

// ForgetTokens removes the tokens. The GUID, the identity, the pinned bundle and the signing key stay.
func (t *Tree) ForgetTokens() error {
	return errors.Join(remove(t.file(accessFile)), remove(t.file(refreshFile)), remove(t.file(metaFile)))
}

func epoch(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.Unix()
}
