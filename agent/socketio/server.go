package socketio

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// ServerConfig says how a server serves. The zero value of a field means its default.
type ServerConfig struct {
	PingInterval time.Duration // default 25 s
	PingTimeout  time.Duration // default 20 s
	MaxPayload   int64         // bytes of one message, both ways; default 100,000,000

	// Authorize accepts a namespace by returning nil; the error's text (of a [ConnectError] both fields) goes to
	// the peer. It runs where the session is read, so it must not wait for that peer. Nil accepts everyone.
	Authorize func(r *http.Request, namespace string, auth json.RawMessage) error

	// OnConnect, OnEvent and OnDisconnect of one socket run in order, one at a time; those of two sockets run
	// side by side.
	OnConnect    func(*Socket)
	OnEvent      func(*Socket, Message)
	OnDisconnect func(*Socket, error)
}

// Server is the server half: an [http.Handler] to mount at "/socket.io/".
type Server struct{ cfg ServerConfig }

// NewServer returns a server. Close ends it.
func NewServer(cfg ServerConfig) *Server { return &Server{cfg: cfg} }

// ServeHTTP serves the sessions' requests.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "not yet", http.StatusNotImplemented)
}

// Broadcast sends an event to every connected socket. It waits for none: a session that is too far behind to
// take the event is ended.
func (s *Server) Broadcast(event string, args ...any) error { return errors.ErrUnsupported }

// Sockets returns the connected sockets, in no order.
func (s *Server) Sockets() []*Socket { return nil }

// Close ends every session and waits for their goroutines, running callbacks included. Later requests are refused.
func (s *Server) Close() error { return nil }
