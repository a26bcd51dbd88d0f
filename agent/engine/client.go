// Package engine is the agent's side of the Engine: it enrolls the device, keeps its tokens fresh, posts to the REST
// interface and holds the Socket.IO conversation. It promises that TLS is verified from the first byte, that a token or
// a code goes to the Engine only and into no log, that no failure makes it ask in a tight loop, and that only a refused
// refresh costs the device its enrollment. It knows no roles, and it does not judge what an event asks for.
package engine

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/identity"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Config is all that a Client takes from outside. Tree, Identity, Mode, Hostname and ServerURL are required.
type Config struct {
	Tree     *settings.Tree
	Identity *identity.Identity
	Mode     wire.Mode
	Label    string // the context header, and the suffix of the settings file; "" is Mode
	Hostname string // as the operating system has it
	Version  string // goes into User-Agent

	ServerURL      string
	AllowPlainHTTP bool // lets http:// through, to a loopback address only

	// What vouches for the Engine until its own bundle is pinned; without any of them the system's roots do.
	Fingerprint     string // SHA-256 of the Engine's certificate, or of its root; it comes before RootCAs
	RootCAs         []byte // PEM
	TrustOnFirstUse bool   // whoever answers a device that never trusted an Engine before

	Code    func() string // the enrollment code of the flag or the environment; without one the settings are asked
	Metrics func(context.Context) wire.Metrics
	Health  func(context.Context) []wire.RoleState // how the roles are; nil says nothing of them
	Renamed func()                                 // the agent id has changed; it must not wait, nor ask the Client

	Log    *slog.Logger
	Now    func() time.Time
	Rand   io.Reader      // nonces and the local GUID
	Jitter func() float64 // in [0, 1)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Proxy  func(*http.Request) (*url.URL, error) // nil asks the settings and the environment

	CallsPerMinute int // of the device's own family of calls; 0 is what one process of two may make
}

// Client is one process of the device at its Engine. Its methods may be called from many goroutines.
type Client struct {
	cfg  Config
	log  *slog.Logger
	base *url.URL
	door *door
	auth chan struct{} // held by the one goroutine that sees Authenticate through, waits included
	turn chan struct{} // held by the one goroutine that refreshes or enrolls

	clock clock

	mu       sync.Mutex
	guid     string
	tokens   settings.Tokens
	skewThen *time.Duration // the clock's skew when the access token came, nil when it lay on disk
	lost     error          // why tokens that were there are not used any more
	budget   budget
	unsaved  bool // the refresh token could not be written yet
	lastCode string
	state    State
	lastErr  string
	quiet    map[string]time.Time // per family of paths: not before
	gate     gate                 // before the next refresh
	resume   time.Time            // not before this does Authenticate try again
	paces    map[string]*pace
	conn     *socketio.Conn
	online   chan struct{} // closed while conn is set
	renamed  chan struct{} // one place: the agent id changed
}

// guidTimeout bounds the wait for another process that makes the local GUID at the same moment.
const guidTimeout = time.Minute

// New prepares a Client from what the tree already holds: GUID, tokens and pinned bundle. It opens no connection.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	base, err := parseBase(cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg, log: cfg.Log, clock: clock{log: cfg.Log}, base: base, auth: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		quiet: map[string]time.Time{}, paces: map[string]*pace{}, online: make(chan struct{}), renamed: make(chan struct{}, 1),
		state: StateUnenrolled,
	}
	if c.door, err = newDoor(cfg, base); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), guidTimeout)
	defer cancel()
	if c.guid, err = cfg.Tree.EnsureGUID(ctx, cfg.Rand); err != nil {
		return nil, err
	}
	if err := cfg.Tree.SealTokens(); err != nil {
		c.log.Error("the tokens lie unsealed", "error", err)
	}
	return c, c.reload()
}

func (cfg Config) withDefaults() Config {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Jitter == nil {
		cfg.Jitter = mathrand.Float64
	}
	if cfg.Code == nil {
		cfg.Code = func() string { return "" }
	}
	if cfg.Metrics == nil {
		cfg.Metrics = func(context.Context) wire.Metrics { return wire.Metrics{} }
	}
	if cfg.CallsPerMinute == 0 {
		cfg.CallsPerMinute = budgetDefault
	}
	if cfg.Label = strings.ToUpper(settings.Suffix(cfg.Label)); cfg.Label == "" {
		cfg.Label = string(cfg.Mode)
	}
	return cfg
}

// parseBase reads the Engine's URL and refuses plain http, except to this very machine when that is asked for.
func parseBase(cfg Config) (*url.URL, error) {
	text, err := settings.ParseServerURL(cfg.ServerURL)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	if base.Scheme == "https" {
		return base, nil
	}
	host := base.Hostname()
	ip := net.ParseIP(host)
	if loopback := strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback()); !loopback || !cfg.AllowPlainHTTP {
		return nil, fmt.Errorf("engine %q: %w", text, ErrPlainHTTP)
	}
	return base, nil
}

// Close lets go of the idle connections. Run and Converse end with their contexts.
func (c *Client) Close() { c.door.http().CloseIdleConnections() }

// AgentID is the id under which this process is known at the Engine.
func (c *Client) AgentID() string {
	return wire.AgentID(c.cfg.Hostname, c.GUID(), string(c.cfg.Mode))
}

// GUID is the device's GUID: a local one until the Engine has given its own.
func (c *Client) GUID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.guid
}

// SigningKey is the stored key that scripts must be signed with, as it lies on disk at this moment, where the other
// process of the device may have put it. It is nil when there is none that can be read.
func (c *Client) SigningKey() ed25519.PublicKey {
	text, err := c.cfg.Tree.SigningKey()
	if err != nil || text == "" {
		if err != nil {
			c.log.Error("the stored signing key cannot be read", "error", err)
		}
		return nil
	}
	key, err := wire.ParseKey(text)
	if err != nil {
		c.log.Error("the stored signing key is not one; enroll again to get it", "error", err)
		return nil
	}
	return key
}

// Failures that a caller may want to tell apart.
var (
	// ErrPlainHTTP says that the Engine's URL is not https.
	ErrPlainHTTP = errors.New("plain http is refused, except to loopback when it is allowed explicitly")
	// ErrNotEnrolled says that the device has no tokens; Authenticate gets some.
	ErrNotEnrolled = errors.New("the device is not enrolled")
	// ErrBinding says that the tokens on disk are not for this device, or not for the Engine that is trusted now.
	ErrBinding = errors.New("the tokens are bound to something else, and are not sent; put the old identity and the pinned bundle back, or enroll again with a code")
	// ErrNoCode says that the device cannot enroll without an enrollment code.
	ErrNoCode = errors.New("no enrollment code: give one with --enrollment-code or BOREALIS_ENROLLMENT_CODE")
	// ErrCode says that the Engine does not take the enrollment code.
	ErrCode = errors.New("the Engine refuses the enrollment code")
	// ErrDenied says that the operator denied the device.
	ErrDenied = errors.New("the operator denied this device")
	// ErrLapsed says that an enrollment came to nothing and has to be asked for again.
	ErrLapsed = errors.New("the enrollment lapsed")
	// ErrRevoked says that the device is revoked at the Engine. It keeps its identity and works again once active.
	ErrRevoked = errors.New("the device is revoked at the Engine; an operator can make it active again")
	// ErrDeviceUnknown says that the Engine has no such device any more.
	ErrDeviceUnknown = errors.New("the Engine does not know this device any more; delete refresh.token and give a code to enroll it again")
	// ErrPutOff says that the call was not made, because the Engine asked for a pause or just failed.
	ErrPutOff = errors.New("put off")
	// ErrPath says that a path does not name a place of the Engine's interface that may be posted to.
	ErrPath = errors.New("not a path of the Engine's interface")
	// ErrUnreachable says that the Engine could not be asked, or its answer did not arrive whole.
	ErrUnreachable = errors.New("the Engine cannot be reached")
	// ErrUntrusted says that what answers at the Engine's address does not prove to be the Engine.
	ErrUntrusted = errors.New("the Engine's certificate is not trusted, and nothing was sent; " +
		"check the name in the URL and --engine-ca or --engine-fingerprint; if the Engine was set up anew, " +
		"delete server_certificate.pem and engine_trust.json in Trusted_Server_Cert and enroll again")
	// ErrAnswer says that an answer is not what the contract promises.
	ErrAnswer = errors.New("unexpected answer")
	// ErrNotConnected says that there is no Socket.IO session at the moment.
	ErrNotConnected = errors.New("not connected to the Engine")
)
