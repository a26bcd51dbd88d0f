package enginetest

import (
	"database/sql"
	"net/http"
)

// scriptRequest answers POST /api/agent/script/request. Work never comes this way; the signing key does.
func (e *Engine) scriptRequest(r *http.Request) (answer, error) {
	caller, found := callerOf(r)
	if !found {
		return noCaller(), nil
	}
	status, pollAfter := "idle", 30_000 // milliseconds
	err := e.store.tx(func(tx *sql.Tx) error {
		d, err := findDevice(tx, `guid = ?`, caller.GUID)
		if err == nil && (d == nil || d.status != StatusActive) {
			status, pollAfter = "quarantined", 60_000
		}
		return err
	})
	return ok(object{"status": status, "poll_after_ms": pollAfter, "sig_alg": "ed25519", "signing_key": e.signingKeyText()}), err
}
