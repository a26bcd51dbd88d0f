package enginetest

import (
	"database/sql"
	"errors"
)

// The states of an enrollment.
const (
	statusPending   = "pending"
	statusApproved  = "approved"  // by the operator; the tokens are not yet fetched
	statusCompleted = "completed" // the tokens were sent, once
	statusDenied    = "denied"
	statusExpired   = "expired"
)

// approval is one enrollment from its request to its end.
type approval struct {
	reference, status string
	hostname, code    string
	publicKey         []byte // SPKI DER as claimed
	fingerprint       string
	clientNonce       string // base64 text, exactly as sent
	serverNonce       string
	guid              string // set by the operator's approval
	requestedAt       int64
}

const approvalColumns = `reference, status, hostname, code, public_key, fingerprint, client_nonce, server_nonce, guid, requested_at`

// scanner is a row, or the current one of rows.
type scanner interface{ Scan(...any) error }

func scanApproval(row scanner) (a approval, err error) {
	err = row.Scan(&a.reference, &a.status, &a.hostname, &a.code, &a.publicKey, &a.fingerprint, &a.clientNonce,
		&a.serverNonce, &a.guid, &a.requestedAt)
	return a, err
}

// findApproval gives nil when there is none.
func findApproval(tx *sql.Tx, where string, args ...any) (*approval, error) {
	a, err := scanApproval(tx.QueryRow(`SELECT `+approvalColumns+` FROM approvals WHERE `+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &a, err
}

// request keeps the claim as the one pending row of its key. An older pending row keeps its reference and loses all
// else, so that polls with the older nonces fail.
func (a *approval) request(tx *sql.Tx) error {
	return tx.QueryRow(`INSERT INTO approvals (`+approvalColumns+`) VALUES (?, 'pending', ?, ?, ?, ?, ?, ?, '', ?)
		ON CONFLICT (fingerprint) WHERE status = 'pending' DO UPDATE SET hostname = excluded.hostname, code = excluded.code,
		public_key = excluded.public_key, client_nonce = excluded.client_nonce, server_nonce = excluded.server_nonce
		RETURNING reference`,
		a.reference, a.hostname, a.code, a.publicKey, a.fingerprint, a.clientNonce, a.serverNonce, a.requestedAt).Scan(&a.reference)
}

// move changes the status of a reference, if it still is from, and tells whether it was.
func moveApproval(tx *sql.Tx, reference, from, to, guid string) (bool, error) {
	result, err := tx.Exec(`UPDATE approvals SET status = ?, guid = ? WHERE reference = ? AND status = ?`, to, guid, reference, from)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}
