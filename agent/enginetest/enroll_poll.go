package enginetest

import (
	"crypto/ed25519"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"net/http"
	"slices"
)

const pendingPollAfter = 5000 // milliseconds

// poll is one POST /api/agent/enroll/poll.
type poll struct {
	reference, clientNonce, proofText string
	nonce, proof                      []byte // decoded
}

// enrollPoll answers POST /api/agent/enroll/poll.
func (e *Engine) enrollPoll(r *http.Request) (answer, error) {
	p, word := readPoll(readAny(r))
	if word != "" {
		return refuse(http.StatusBadRequest, word), nil
	}
	var a answer
	err := e.store.tx(func(tx *sql.Tx) (err error) {
		a, err = e.judgePoll(tx, p)
		return err
	})
	e.changed.fire()
	return a, err
}

// readPoll reads the three fields in the Engine's order, or gives the word for the first that is wrong.
func readPoll(b body) (p poll, word string) {
	p = poll{reference: b.exact("approval_reference"), clientNonce: b.exact("client_nonce"), proofText: b.exact("proof_sig")}
	switch {
	case p.reference == "":
		return p, "approval_reference_required"
	case p.clientNonce == "":
		return p, "client_nonce_required"
	case p.proofText == "":
		return p, "proof_sig_required"
	}
	var err error
	if p.nonce, err = decodeStrict(p.clientNonce); err != nil {
		return p, "invalid_client_nonce"
	}
	if p.proof, err = decodeStrict(p.proofText); err != nil {
		return p, "invalid_proof_sig"
	}
	return p, ""
}

// judgePoll compares the poll with the row that it names.
func (e *Engine) judgePoll(tx *sql.Tx, p poll) (answer, error) {
	a, err := findApproval(tx, `reference = ?`, p.reference)
	if err != nil {
		return answer{}, err
	}
	if a == nil {
		return answer{status: http.StatusNotFound, body: object{"status": "unknown"}}, nil
	}
	if word := p.prove(a); word != "" {
		return refuse(http.StatusBadRequest, word), nil
	}
	return e.answerPoll(tx, p, a)
}

// prove checks nonces and signature, and gives the word for what is wrong.
func (p poll) prove(a *approval) string {
	if subtle.ConstantTimeCompare([]byte(p.clientNonce), []byte(a.clientNonce)) != 1 {
		return "nonce_mismatch"
	}
	serverNonce, err := base64.StdEncoding.DecodeString(a.serverNonce)
	if err != nil {
		return "server_nonce_invalid"
	}
	key, err := parseSPKI(a.publicKey)
	if err != nil {
		return "agent_pubkey_invalid"
	}
	if !ed25519.Verify(key, slices.Concat(serverNonce, []byte(a.reference), p.nonce), p.proof) {
		return "invalid_proof"
	}
	return ""
}

// answerPoll answers a proven poll by the state of its row.
func (e *Engine) answerPoll(tx *sql.Tx, p poll, a *approval) (answer, error) {
	switch a.status {
	case statusPending:
		return ok(object{"status": statusPending, "poll_after_ms": pendingPollAfter}), nil
	case statusDenied:
		return ok(object{"status": statusDenied, "reason": "operator_denied"}), nil
	case statusExpired:
		return ok(object{"status": statusExpired}), nil
	case statusCompleted:
		return ok(object{"status": statusApproved, "detail": "finalized"}), nil
	case statusApproved:
		if !e.proofs.use(a.reference + " " + p.proofText) {
			return refuse(http.StatusConflict, "proof_replayed"), nil
		}
		return e.finalise(tx, a)
	}
	return answer{status: http.StatusBadRequest, body: object{"status": a.status}}, nil
}

// finalise makes or finds the device and hands its tokens out. Only the poll that completes the row gets them.
func (e *Engine) finalise(tx *sql.Tx, a *approval) (answer, error) {
	if _, err := moveApproval(tx, a.reference, statusApproved, statusCompleted, a.guid); err != nil {
		return answer{}, err
	}
	if err := useCode(tx, a.code, a.fingerprint); err != nil {
		return answer{}, err
	}
	d, err := enrollDevice(tx, a, e.now())
	if err != nil {
		return answer{}, err
	}
	access, err := e.tokens.mint(d)
	if err != nil {
		return answer{}, err
	}
	refresh, err := newRefreshToken(tx, d.guid, e.now())
	if err != nil {
		return answer{}, err
	}
	e.log.Info("device enrolled", "guid", d.guid, "hostname", d.hostname)
	return ok(object{
		"status": statusApproved, "guid": d.guid, "access_token": access, "expires_in": accessSeconds,
		"refresh_token": refresh, "token_type": "Bearer", "server_certificate": string(e.chain.bundle),
		"signing_key": e.signingKeyText(),
	}), nil
}
