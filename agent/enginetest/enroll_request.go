package enginetest

import (
	"database/sql"
	"encoding/base64"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// requestPollAfter is when the Engine wants the first poll.
const requestPollAfter = 3 * time.Second

// enrollRequest answers POST /api/agent/enroll/request.
func (e *Engine) enrollRequest(r *http.Request) (answer, error) {
	if wait := e.perIP.take(clientIP(r)); wait > 0 {
		return tooManyEnrolls(wait), nil
	}
	claim, word := readClaim(readAny(r))
	if word != "" {
		return refuse(http.StatusBadRequest, word), nil
	}
	if wait := e.perKey.take(claim.fingerprint); wait > 0 {
		return tooManyEnrolls(wait), nil
	}
	claim.requestedAt = e.now().Unix()
	claim.reference = newUUID()
	claim.serverNonce = base64.StdEncoding.EncodeToString(randomBytes(32))
	admitted, err := e.takeClaim(&claim)
	if err != nil {
		return answer{}, err
	}
	if !admitted {
		return refuse(http.StatusBadRequest, "invalid_enrollment_code"), nil
	}
	e.log.Info("enrollment requested", "reference", claim.reference, "hostname", claim.hostname, "fingerprint", claim.fingerprint)
	e.changed.fire()
	return ok(object{
		"status": statusPending, "approval_reference": claim.reference, "server_nonce": claim.serverNonce,
		"poll_after_ms": e.cfg.FirstPoll.Milliseconds(), "server_certificate": string(e.chain.bundle), "signing_key": e.signingKeyText(),
	}), nil
}

// takeClaim checks the code and keeps the claim, in one transaction. It approves it at once when so configured.
func (e *Engine) takeClaim(claim *approval) (admitted bool, err error) {
	err = e.store.tx(func(tx *sql.Tx) error {
		admitted, err = codeAdmits(tx, claim.code, claim.fingerprint, e.now())
		if err != nil || !admitted {
			return err
		}
		if err := claim.request(tx); err != nil || !e.cfg.AutoApprove {
			return err
		}
		_, err := approve(tx, *claim, Coexist)
		return err
	})
	return admitted, err
}

// readClaim reads the request's four fields in the Engine's order, or gives the word for the first that is wrong.
func readClaim(b body) (claim approval, word string) {
	claim = approval{hostname: b.text("hostname"), code: b.text("enrollment_code"), clientNonce: b.exact("client_nonce")}
	key := b.text("agent_pubkey")
	switch {
	case claim.hostname == "":
		return claim, "hostname_required"
	case claim.code == "":
		return claim, "enrollment_code_required"
	case key == "":
		return claim, "agent_pubkey_required"
	case claim.clientNonce == "":
		return claim, "client_nonce_required"
	}
	var err error
	if claim.publicKey, err = decodeKey(key); err != nil || len(claim.publicKey) < 10 {
		return claim, "invalid_agent_pubkey"
	}
	if nonce, err := decodeStrict(claim.clientNonce); err != nil || len(nonce) < 16 {
		return claim, "invalid_client_nonce"
	}
	claim.fingerprint = fingerprint(claim.publicKey)
	return claim, ""
}

// decodeKey takes either base64 alphabet and ignores white space, for the public key alone.
func decodeKey(text string) ([]byte, error) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	return decodeStrict(strings.NewReplacer("-", "+", "_", "/").Replace(text))
}

// decodeStrict takes standard, padded base64 and nothing else. Go's decoder by itself lets line ends pass.
func decodeStrict(text string) ([]byte, error) {
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		return nil, base64.CorruptInputError(i)
	}
	return base64.StdEncoding.DecodeString(text)
}

func tooManyEnrolls(wait time.Duration) answer {
	body := object{"error": "rate_limited", "retry_after": wait.Seconds()}
	return answer{status: http.StatusTooManyRequests, body: body, retry: wait}
}

// clientIP is the first address of X-Forwarded-For, else the peer's.
func clientIP(r *http.Request) string {
	if first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ","); strings.TrimSpace(first) != "" {
		return strings.TrimSpace(first)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
