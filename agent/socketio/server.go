package socketio

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	defaultPingInterval = 25 * time.Second
	defaultPingTimeout  = 20 * time.Second
	// defaultIdle is how long a session may have no namespace.
	defaultIdle = 45 * time.Second
	// sendQueueLen is how many messages may wait for a session's peer, together at most MaxPayload bytes.
	sendQueueLen = 256
)

// ServerConfig says how a server serves. The zero value of a field means its default.
type ServerConfig struct {
	PingInterval   time.Duration // default 25 s
	PingTimeout    time.Duration // default 20 s
	ConnectTimeout time.Duration // how long a session may have no namespace; default 45 s
	WriteTimeout   time.Duration // how long a peer may take nothing of what is being written; default 20 s
	MaxPayload     int64         // bytes of one message as encoded, both ways; default 100,000,000
	QueueLen       int           // events of one socket that may wait for OnEvent, as in Config; default 256

	// Authorize accepts a namespace by returning nil; the error's text (of a [ConnectError] both fields) goes to
	// the peer. It runs where the session is read, so it must not wait for that peer. Nil accepts everyone.
	Authorize func(r *http.Request, namespace string, auth json.RawMessage) error

	// OnConnect, OnEvent and OnDisconnect of one socket run in order, one at a time; those of two sockets run
	// side by side.
	OnConnect    func(*Socket)
	OnEvent      func(*Socket, Message)
	OnDisconnect func(*Socket, error)
}

func (c ServerConfig) complete() ServerConfig {
	c.PingInterval = cmp.Or(c.PingInterval, defaultPingInterval)
	c.PingTimeout = cmp.Or(c.PingTimeout, defaultPingTimeout)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, defaultIdle)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, defaultTimeout)
	c.MaxPayload = cmp.Or(c.MaxPayload, defaultMaxPayload)
	c.QueueLen = cmp.Or(c.QueueLen, defaultQueueLen)
	return c
}

// Server is the server half: an [http.Handler] to mount at "/socket.io/".
type Server struct {
	cfg ServerConfig
	wg  sync.WaitGroup // requests, and what sessions start in them

	mu       sync.Mutex
	closed   bool
	sessions map[string]*session
}

// NewServer returns a server. Close ends it.
func NewServer(cfg ServerConfig) *Server {
	return &Server{cfg: cfg.complete(), sessions: map[string]*session{}}
}

// ServeHTTP serves the sessions' requests.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	sid := q.Get("sid")
	x, open := s.enter(sid)
	if !open {
		http.Error(w, "closed", http.StatusServiceUnavailable)
		return
	}
	defer s.wg.Done()
	switch {
	case q.Get("EIO") != "4":
		refuse(w, refusedVersion)
	case sid != "" && x == nil:
		refuse(w, refusedSession)
	case q.Get("transport") == "websocket":
		s.serveWebsocket(w, r, x)
	case q.Get("transport") == "polling":
		s.servePolling(w, r, x)
	default:
		refuse(w, refusedTransport)
	}
}

// enter counts a request in and returns its session, if there is one. A closed server is open only to sessions
// that still take leave.
func (s *Server) enter(id string) (x *session, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x = s.sessions[id]
	open = x != nil || !s.closed
	if open {
		s.wg.Add(1)
	}
	return x, open
}

// refused is why a request is refused, with the numbers and words of Engine.IO's own servers.
type refused struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

var (
	refusedTransport = refused{0, "Transport unknown"}
	refusedSession   = refused{1, "Session ID unknown"}
	refusedMethod    = refused{2, "Bad handshake method"}
	refusedRequest   = refused{3, "Bad request"}
	refusedVersion   = refused{5, "Unsupported protocol version"}
)

func refuse(w http.ResponseWriter, why refused) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	json.NewEncoder(w).Encode(why) // an error here is the asker's
}

// Sockets returns the connected sockets, in no order.
func (s *Server) Sockets() []*Socket {
	var all []*Socket
	for _, x := range s.all() {
		all = append(all, x.all()...)
	}
	return all
}

func (s *Server) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*session, 0, len(s.sessions))
	for _, x := range s.sessions {
		all = append(all, x)
	}
	return all
}

// Broadcast sends an event to every connected socket, in its namespace. It waits for none: a session that is too
// far behind to take the event is ended.
func (s *Server) Broadcast(event string, args ...any) error {
	encoded := map[string][]frame{}
	for _, socket := range s.Sockets() {
		fs := encoded[socket.Namespace()]
		if fs == nil {
			var err error
			if fs, err = encodeEvent(socket.Namespace(), noID, event, args); err != nil {
				return err
			}
			encoded[socket.Namespace()] = fs
		}
		if err := socket.session.offer(fs); errors.Is(err, ErrTooLarge) {
			return err
		}
	}
	return nil
}

// Close ends every session, as a server does that may come back, and waits for their goroutines, running callbacks
// included: do not call it from one. Later requests are refused.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, x := range s.all() {
		x.leave()
	}
	s.wg.Wait()
	return nil
}

// open registers a new session for the request.
func (s *Server) open(r *http.Request) *session {
	x := newSession(s, r)
	s.mu.Lock()
	s.sessions[x.id] = x
	closed := s.closed
	s.mu.Unlock()
	if closed {
		x.leave()
	}
	s.wg.Go(x.keepAlive)
	return x
}

func (s *Server) forget(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, x.id)
}

// detached returns the request as it can be kept: without its body, its context's end without effect.
func detached(r *http.Request) *http.Request {
	r = r.Clone(context.WithoutCancel(r.Context()))
	r.Body = http.NoBody
	return r
}
