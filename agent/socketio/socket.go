package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// Socket is the server's end of one client's connection with one namespace.
type Socket struct{ _ struct{} }

// ID returns the identifier that the server gave to this connection.
func (s *Socket) ID() string { return "" }

// Namespace returns the namespace, such as "/".
func (s *Socket) Namespace() string { return "" }

// Request returns the request that opened the session: its headers, its address, its TLS state.
func (s *Socket) Request() *http.Request { return nil }

// Transport returns "websocket" or "polling": what carries the session at this moment.
func (s *Socket) Transport() string { return "" }

// Emit queues an event for the peer. While the queue is full it waits.
func (s *Socket) Emit(event string, args ...any) error { return errors.ErrUnsupported }

// Call sends an event and waits for its acknowledgement.
func (s *Socket) Call(ctx context.Context, event string, args ...any) ([]json.RawMessage, error) {
	return nil, errors.ErrUnsupported
}

// Close takes leave of the peer's namespace, and of the session with its last one. It waits for nothing.
func (s *Socket) Close() error { return nil }
