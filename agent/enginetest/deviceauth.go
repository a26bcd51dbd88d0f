package enginetest

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// callerKey is the context key of the device that authentication let through.
type callerKey struct{}

// callerOf gives the device behind a request. Without one, the route was reached past authentication.
func callerOf(r *http.Request) (claims, bool) {
	c, ok := r.Context().Value(callerKey{}).(claims)
	return c, ok
}

func withCaller(r *http.Request, c claims) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
}

// noCaller is the answer of a device route that authentication did not lead to.
func noCaller() answer { return refuse(http.StatusInternalServerError, "auth_context_missing") }

// authenticated puts the Engine's checks of a device before a route, in its order: bearer, token, claims, limit, row,
// GUID, key, token version, status, DPoP.
func (e *Engine) authenticated(serve handler) handler {
	return func(r *http.Request) (answer, error) {
		bearer, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		bearer = strings.TrimSpace(bearer)
		if !found || bearer == "" {
			return refuse(http.StatusUnauthorized, "missing_authorization"), nil
		}
		c, err := e.tokens.read(bearer)
		if err != nil {
			return refuse(http.StatusUnauthorized, tokenWord(err)), nil
		}
		if wait := e.perDevice.take(c.Fingerprint); wait > 0 {
			a := refuse(http.StatusTooManyRequests, "rate_limited")
			a.retry = wait
			return a, nil
		}
		if a, err := e.checkDevice(c); a.status != 0 || err != nil {
			return a, err
		}
		if word := e.checkDPoP(r, bearer); word != "" {
			return refuse(http.StatusBadRequest, word), nil
		}
		return serve(withCaller(r, c))
	}
}

func tokenWord(err error) string {
	switch {
	case errors.Is(err, errIncomplete):
		return "invalid_claims"
	case errors.Is(err, jwt.ErrTokenExpired):
		return "token_expired"
	}
	return "invalid_token"
}

// checkDevice compares the claims with the device's row, which it recovers when it is lost. The zero answer lets pass.
func (e *Engine) checkDevice(c claims) (a answer, err error) {
	err = e.store.tx(func(tx *sql.Tx) error {
		d, err := findDevice(tx, `upper(guid) = upper(?)`, c.GUID)
		if err == nil && d == nil {
			d, err = recoverDevice(tx, c, e.now)
		}
		if err != nil {
			return err
		}
		a = compareDevice(d, c)
		return nil
	})
	return a, err
}

func compareDevice(d *device, c claims) answer {
	switch {
	case d == nil:
		return refuse(http.StatusNotFound, "device_not_found")
	case d.guid != c.GUID:
		return refuse(http.StatusUnauthorized, "device_mismatch")
	case d.fingerprint != c.Fingerprint:
		return refuse(http.StatusForbidden, "fingerprint_mismatch")
	case d.tokenVersion != c.TokenVersion:
		return refuse(http.StatusForbidden, "token_version_mismatch")
	case d.barred():
		return refuse(http.StatusForbidden, "device_revoked")
	}
	return answer{}
}
