package enginetest

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// accessSeconds is how long an access token lives.
const accessSeconds = 900

// tokens mints and reads the devices' access tokens.
type tokens struct {
	key ed25519.PrivateKey
	now func() time.Time
}

// claims is what an access token says.
type claims struct {
	GUID         string `json:"guid"`
	Fingerprint  string `json:"ssl_key_fingerprint"`
	TokenVersion int64  `json:"token_version"`
	jwt.RegisteredClaims
}

func (t *tokens) mint(d *device) (string, error) {
	now := t.now().Truncate(time.Second)
	return t.sign(claims{
		GUID: d.guid, Fingerprint: d.fingerprint, TokenVersion: d.tokenVersion,
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: "device:" + d.guid, IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(accessSeconds * time.Second)),
		},
	})
}

func (t *tokens) sign(c claims) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	token.Header["kid"] = fingerprint(spki(t.key.Public().(ed25519.PublicKey)))[:16]
	return token.SignedString(t.key)
}

var errIncomplete = errors.New("claims incomplete")

// read verifies a token on the Engine's own clock, without leeway. jwt.ErrTokenExpired, errIncomplete and all other
// errors are three different answers.
func (t *tokens) read(text string) (claims, error) {
	var c claims
	_, err := jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return t.key.Public(), nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithTimeFunc(t.now))
	switch {
	case err != nil:
		return c, err
	case c.IssuedAt == nil || c.Subject == "":
		return c, fmt.Errorf("iat or sub: %w", jwt.ErrTokenRequiredClaimMissing)
	case c.GUID == "" || c.Fingerprint == "" || c.TokenVersion <= 0:
		return c, errIncomplete
	}
	return c, nil
}
