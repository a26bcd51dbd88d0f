package socketio

import (
	"encoding/json"
	"errors"
	"fmt"
)

var (
	// ErrClosed says that the session is over. What is asked of an ended session fails with an error that is
	// ErrClosed and also wraps the reason for the end.
	ErrClosed = errors.New("session closed")
	// ErrProtocol says that the peer sent something the protocol does not allow. It ends the session.
	ErrProtocol = errors.New("protocol violation")
	// ErrPingTimeout says that nothing came from the peer for ping interval plus ping timeout. It ends the session.
	ErrPingTimeout = errors.New("ping timeout")
	// ErrTooLarge says that a message is over MaxPayload, the caller's or the peer's. On sending it refuses only
	// that message; on receiving it ends the session.
	ErrTooLarge = errors.New("message too large")
)

// HandshakeError is an HTTP answer that refuses the session, such as 401 or 403: the peer was reached and said no.
type HandshakeError struct {
	Status int    // the HTTP status
	Body   string // the start of the answer's body, at most 1 KiB
	Err    error  // what the transport made of it; nil if it has nothing to add
}

// Error names the status and the start of the body.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("handshake refused: HTTP %d: %q", e.Status, e.Body)
}

// Unwrap returns Err.
func (e *HandshakeError) Unwrap() error { return e.Err }

// ConnectError is a CONNECT_ERROR packet: the session stood, and the peer refused the namespace. A server's
// Authorize may return one to choose both fields.
type ConnectError struct {
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"` // what else the peer said; nil if nothing
}

// Error names the peer's message.
func (e *ConnectError) Error() string { return fmt.Sprintf("connect refused: %q", e.Message) }
