package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Config says how to open a session. The zero value of a field means its default.
type Config struct {
	URL       string // http, https, ws or wss; host and query are used, a path is not
	Path      string // default "/socket.io/"
	Namespace string // default "/"

	Polling   bool // start with long polling and upgrade to websocket if the peer offers it; default websocket only
	NoUpgrade bool // with Polling: stay on long polling

	HTTPClient *http.Client // carries TLS and proxy; its Timeout is not used; default http.DefaultClient
	Header     http.Header  // sent with every request of the session
	Auth       any          // the CONNECT payload, encoded as JSON; nil sends none

	ConnectTimeout time.Duration // bounds Dial as a whole; default 20 s
	// WriteTimeout bounds the writing of one message, on top of the time that its size takes at 64 KiB/s. Default 20 s.
	WriteTimeout time.Duration
	MaxPayload   int64 // bytes of one message, both ways; default 100,000,000

	// OnEvent receives the events in order, one at a time, from one goroutine of the session; it may run before
	// Dial returns. Acknowledgements and pings never wait behind it. Nil drops events.
	OnEvent func(Message)
	// QueueLen is how many events may wait for OnEvent (default 256; together at most MaxPayload bytes). When they
	// are, the session reads nothing more, so a Call made inside OnEvent needs a context with a deadline.
	QueueLen int
}

// Conn is the client half of one session with one namespace. Its methods may be called from many goroutines.
type Conn struct{ _ struct{} }

// Dial opens a session and returns once the peer has answered the namespace's CONNECT. The context bounds only
// Dial. A refusal is a [HandshakeError] or a [ConnectError]; an answer that does not come in time is
// [context.DeadlineExceeded].
func Dial(ctx context.Context, cfg Config) (*Conn, error) { return nil, errors.ErrUnsupported }

// ID returns the identifier that the peer gave to this connection with the namespace.
func (c *Conn) ID() string { return "" }

// Transport returns "websocket" or "polling": what carries the session at this moment.
func (c *Conn) Transport() string { return "" }

// Emit sends an event and returns once the operating system (on polling: the peer) has taken it. Nothing is
// buffered: while the session is busy writing, Emit waits. If the context ends first, the event may or may not go out.
func (c *Conn) Emit(ctx context.Context, event string, args ...any) error {
	return errors.ErrUnsupported
}

// Call sends an event and waits for its acknowledgement.
func (c *Conn) Call(ctx context.Context, event string, args ...any) ([]json.RawMessage, error) {
	return nil, errors.ErrUnsupported
}

// Pinged waits until the peer has proved by its pings that it received everything sent before the call.
func (c *Conn) Pinged(ctx context.Context) error { return errors.ErrUnsupported }

// Done is closed when the session is over.
func (c *Conn) Done() <-chan struct{} { return nil }

// Err returns nil while the session lives, then why it ended.
func (c *Conn) Err() error { return nil }

// Close takes leave of the peer, ends the session and waits for its goroutines, a running OnEvent included: do
// not call it from there. It may be called again.
func (c *Conn) Close() error { return nil }
