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
	Engine      string    // of the pinned roots of the Engine that gave them, "" when none were pinned
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
	Engine      string `json:"engine_fingerprint,omitempty"` // not upstream's
}

// Tokens reads the tokens as they lie on disk, where the other process of the device may have put new ones. An access
// token that does not open costs one refresh; a refresh token that does not is an error.
func (t *Tree) Tokens() (Tokens, error) {
	var tok Tokens
	var err error
	if tok.Refresh, err = t.secret(refreshFile); err != nil {
		return Tokens{}, fmt.Errorf("refresh token in %q: %w", t.file(refreshFile), err)
	}
	if tok.Access, err = t.secret(accessFile); err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrSealKey) {
		return Tokens{}, fmt.Errorf("access token in %q: %w", t.file(accessFile), err)
	}
	tok.readMeta(t.file(metaFile))
	return tok, nil
}

// secret reads a sealed text, "" when it is missing.
func (t *Tree) secret(name string) (string, error) {
	sealed, err := readFile(t.file(name))
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(sealed) == 0) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	plain, err := t.sealer.Open(sealed)
	if err != nil {
		return "", err
	}
	return trimText(string(plain)), nil
}

// saveSecret seals text into a file.
func (t *Tree) saveSecret(name, text string) error {
	sealed, err := t.sealer.Seal([]byte(text))
	if err != nil {
		return err
	}
	return writeFile(t.file(name), sealed)
}

// SealTokens seals the tokens that lie as upstream's agent left them, or as an older key has sealed them. While
// another process enrolls, it leaves them: new ones are about to come.
func (t *Tree) SealTokens() error {
	unlock, err := t.TryLock(LockEnrollment)
	if errors.Is(err, ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	for _, name := range []string{refreshFile, accessFile} {
		data, err := readFile(t.file(name))
		if errors.Is(err, fs.ErrNotExist) || (err == nil && t.sealer.Current(data)) {
			continue
		}
		text, err := t.secret(name)
		if err == nil && text != "" {
			err = t.saveSecret(name, text)
		}
		if err != nil {
			return fmt.Errorf("seal %s: %w", name, err)
		}
	}
	return nil
}

// readMeta fills in what the meta file says. A file that cannot be read costs one refresh, not the tokens.
func (tok *Tokens) readMeta(path string) {
	data, err := readFile(path)
	var m meta
	if err != nil || json.Unmarshal(data, &m) != nil {
		return
	}
	tok.Fingerprint, tok.Engine = m.Fingerprint, m.Engine
	if m.ExpiresAt > 0 {
		tok.ExpiresAt = time.Unix(m.ExpiresAt, 0)
	}
	if m.BoundAt > 0 {
		tok.BoundAt = time.Unix(m.BoundAt, 0)
	}
}

// SaveTokens writes all of tok. The refresh token goes first: with it alone the rest can be had again.
func (t *Tree) SaveTokens(tok Tokens) error {
	if err := t.saveSecret(refreshFile, tok.Refresh); err != nil {
		return fmt.Errorf("refresh token: %w", err)
	}
	return t.SaveAccess(tok)
}

// SaveAccess writes the access token of tok and what is known of it, and leaves the refresh token.
func (t *Tree) SaveAccess(tok Tokens) error {
	if err := t.saveSecret(accessFile, tok.Access); err != nil {
		return fmt.Errorf("access token: %w", err)
	}
	text, err := json.MarshalIndent(meta{epoch(tok.ExpiresAt), tok.Fingerprint, epoch(tok.BoundAt), tok.Engine}, "", "  ")
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
