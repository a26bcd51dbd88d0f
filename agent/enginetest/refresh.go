package enginetest

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"net/http"
	"time"
)

// refreshDays is how long a refresh token lives after its last use.
const refreshDays = 90

// newRefreshToken makes a token for a device and keeps its hash alone.
func newRefreshToken(tx *sql.Tx, guid string, now time.Time) (string, error) {
	token := randomToken(48)
	_, err := tx.Exec(`INSERT INTO refresh_tokens (hash, guid, expires_at) VALUES (?, ?, ?)`,
		hashToken(token), guid, now.AddDate(0, 0, refreshDays).Unix())
	return token, err
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func revokeTokens(tx *sql.Tx, guid string) error {
	_, err := tx.Exec(`UPDATE refresh_tokens SET revoked = 1 WHERE guid = ?`, guid)
	return err
}

// refresh answers POST /api/agent/token/refresh. The token in the body is the only authority.
func (e *Engine) refresh(r *http.Request) (answer, error) {
	b := readAny(r)
	guid, token := b.text("guid"), b.text("refresh_token")
	if guid == "" || token == "" {
		return refuse(http.StatusBadRequest, "invalid_request"), nil
	}
	if word := e.checkDPoP(r, ""); word != "" {
		return refuse(http.StatusBadRequest, word), nil
	}
	var a answer
	err := e.store.tx(func(tx *sql.Tx) (err error) {
		a, err = e.renew(tx, guid, hashToken(token))
		return err
	})
	return a, err
}

// renew checks token and device, moves the token's end, and mints an access token. The refresh token stays the same.
func (e *Engine) renew(tx *sql.Tx, guid, hash string) (answer, error) {
	var expiresAt int64
	var revoked bool
	err := tx.QueryRow(`SELECT expires_at, revoked FROM refresh_tokens WHERE guid = ? AND hash = ?`, guid, hash).Scan(&expiresAt, &revoked)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return refuse(http.StatusUnauthorized, "invalid_refresh_token"), nil
	case err != nil:
		return answer{}, err
	case revoked:
		return refuse(http.StatusUnauthorized, "refresh_token_revoked"), nil
	case expiresAt <= e.now().Unix():
		return refuse(http.StatusUnauthorized, "refresh_token_expired"), nil
	}
	d, err := findDevice(tx, `guid = ?`, guid)
	switch {
	case err != nil:
		return answer{}, err
	case d == nil:
		return refuse(http.StatusNotFound, "device_not_found"), nil
	case d.barred():
		return refuse(http.StatusForbidden, "device_revoked"), nil
	}
	if _, err := tx.Exec(`UPDATE refresh_tokens SET expires_at = ? WHERE hash = ?`, e.now().AddDate(0, 0, refreshDays).Unix(), hash); err != nil {
		return answer{}, err
	}
	access, err := e.tokens.mint(d)
	return ok(object{"access_token": access, "expires_in": accessSeconds, "token_type": "Bearer"}), err
}
