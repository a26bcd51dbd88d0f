package socketio

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	defaultPath       = "/socket.io/"
	defaultMaxPayload = 100_000_000 // the Engine's own limit
	defaultTimeout    = 20 * time.Second
	defaultQueueLen   = 256
)

// Config says how to open a session. The zero value of a field means its default.
type Config struct {
	URL       string // http, https, ws or wss, with host and maybe a query, but no path
	Path      string // default "/socket.io/"
	Namespace string // default "/"

	Polling   bool // start with long polling and upgrade to websocket if the peer offers it; default websocket only
	NoUpgrade bool // with Polling: stay on long polling

	HTTPClient *http.Client // carries TLS and proxy; its Timeout is not used; default http.DefaultClient
	Header     http.Header  // sent with every request of the session
	Auth       any          // the CONNECT payload, encoded as JSON; nil sends none

	ConnectTimeout time.Duration // bounds Dial as a whole; default 20 s
	WriteTimeout   time.Duration // how long the peer may take nothing of what is being written; default 20 s
	MaxPayload     int64         // bytes of one message as encoded, both ways; default 100,000,000

	// OnEvent receives the events in order, one at a time, from one goroutine of the session; it may run before
	// Dial returns. Acknowledgements and pings never wait behind it. Nil drops events.
	OnEvent func(Message)
	// QueueLen is how many events may wait for OnEvent (default 256; together at most MaxPayload bytes). Past that the
	// session reads nothing more until OnEvent returns: a Call made inside it needs a context with a deadline, pings
	// stay unanswered, and a dead peer unnoticed.
	QueueLen int
}

// complete returns c with its defaults, and where its requests go.
func (c Config) complete() (Config, *site, error) {
	c.Path = cmp.Or(c.Path, defaultPath)
	c.Namespace = cmp.Or(c.Namespace, "/")
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, defaultTimeout)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, defaultTimeout)
	c.MaxPayload = cmp.Or(c.MaxPayload, defaultMaxPayload)
	c.QueueLen = cmp.Or(c.QueueLen, defaultQueueLen)
	c.HTTPClient = cmp.Or(c.HTTPClient, http.DefaultClient)
	if c.ConnectTimeout < 0 || c.WriteTimeout < 0 || c.MaxPayload < 0 || c.QueueLen < 0 {
		return c, nil, errors.New("configuration: a negative limit")
	}
	if c.Namespace[0] != '/' || strings.ContainsAny(c.Namespace, ",?") {
		return c, nil, fmt.Errorf("namespace %q: not a slash and a name", c.Namespace)
	}
	s, err := newSite(c)
	return c, s, err
}

// site is where a session's requests go, and how.
type site struct {
	base   url.URL
	client *http.Client
	header http.Header
	sid    string // of the session once it is open
}

func newSite(c Config) (*site, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	scheme := map[string]string{"http": "http", "https": "https", "ws": "http", "wss": "https"}[u.Scheme]
	if scheme == "" || u.Host == "" {
		return nil, fmt.Errorf("URL %q: not http, https, ws or wss with a host", u.Redacted())
	}
	if u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("URL %q: a path belongs in Path, a namespace in Namespace", u.Redacted())
	}
	u.Scheme, u.Path, u.Fragment = scheme, c.Path, ""
	client := *c.HTTPClient
	client.Timeout = 0 // a poll lasts as long as the peer is silent
	return &site{base: *u, client: &client, header: c.Header}, nil
}

// url returns the address of the session's requests on a transport, "polling" or "websocket".
func (s *site) url(transport string) string {
	u := s.base
	q := u.Query()
	q.Set("EIO", "4")
	q.Set("transport", transport)
	if s.sid != "" {
		q.Set("sid", s.sid)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
