package enginetest

import (
	"log/slog"
	"time"
)

// Config says what kind of Engine to start. The zero value is an Engine in memory, on a free loopback port, that waits
// for an operator's approval and limits nobody.
type Config struct {
	// Dir is the state folder, made when absent. Empty keeps everything in memory.
	Dir string
	// Addr is the TCP address to listen on. Default 127.0.0.1:0.
	Addr string
	// AutoApprove approves each enrollment at once. A host name that another key owns is resolved as Coexist.
	AutoApprove bool
	// RateLimits turns on the Engine's limits: 40 and 12 enrollments, 60 device calls in 60 seconds.
	RateLimits bool
	// FirstPoll is when an agent that has asked to enroll is told to poll. Default 3 s; agents wait a second at least.
	FirstPoll time.Duration
	// PingInterval is the Socket.IO ping interval, default 25 s; PingTimeout is how long its answer may take, default 20 s.
	PingInterval, PingTimeout time.Duration
	// Log takes the Engine's own log. Default: discarded.
	Log *slog.Logger
	// Now is the Engine's clock for tokens, windows and records; TLS certificates keep to the machine's. Default time.Now.
	Now func() time.Time

	// IPSANs issues a leaf with proper IP addresses. The stock leaf names 127.0.0.1 and ::1 as DNS names only, so that
	// nobody who dials a literal address gets past an ordinary host name check.
	IPSANs bool
	// OnDemand plays the Engine of on-demand tunnels, which has no /api/agent/vpn/ensure.
	OnDemand bool
	// WebUI plays an Engine with its web interface installed: unknown GET paths answer 200 with a page, and unknown
	// POST paths 405. Without it both answer 404.
	WebUI bool
}

func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.FirstPoll == 0 {
		c.FirstPoll = requestPollAfter
	}
	if c.PingInterval == 0 {
		c.PingInterval = 25 * time.Second
	}
	if c.PingTimeout == 0 {
		c.PingTimeout = 20 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
