package engine

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// gate keeps refreshes apart after one has failed.
type gate struct {
	until time.Time
	err   error
	pace  pace
}

// gateError is why no refresh may be asked for now, nil when one may.
func (c *Client) gateError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wait := c.gate.until.Sub(c.cfg.Now()); wait > 0 {
		return fmt.Errorf("refresh %w for %v: %w", ErrPutOff, wait.Round(time.Second), c.gate.err)
	}
	return nil
}

// shutGate puts the next refresh off as far as the failure asks for, and gives the failure its name.
func (c *Client) shutGate(err error) error {
	var wait time.Duration
	state := StateEnrolled
	switch {
	case refusedForGood(err):
		return err // the token goes, so nothing is left to ask with
	case is(err, http.StatusForbidden, "device_revoked"):
		err, wait, state = fmt.Errorf("%w: %w", ErrRevoked, err), revokedWait, StateRevoked
	case is(err, http.StatusNotFound, "device_not_found"):
		err, wait, state = fmt.Errorf("%w: %w", ErrDeviceUnknown, err), revokedWait, StateForgotten
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if wait == 0 {
		c.gate.pace.first, c.gate.pace.most = time.Second, time.Minute
		wait = c.gate.pace.next()
	}
	c.gate.until, c.gate.err, c.state = c.cfg.Now().Add(c.jittered(wait)), err, state
	return err
}

// paceOf are the distances between tries after each kind of failure.
var paceOf = [...]struct {
	kind        string
	sentinel    error
	first, most time.Duration
}{
	{"code", ErrCode, 30 * time.Second, 30 * time.Minute},
	{"denied", ErrDenied, time.Minute, time.Hour},
	{"lapsed", ErrLapsed, 5 * time.Second, 5 * time.Minute},
	{"untrusted", ErrUntrusted, 30 * time.Second, 10 * time.Minute},
	{"unreachable", ErrUnreachable, 2 * time.Second, 2 * time.Minute},
	{"answer", ErrAnswer, 10 * time.Second, 10 * time.Minute},
}

// patience says how long to wait after a failure of Authenticate, and whether waiting can help at all.
func (c *Client) patience(err error) (wait time.Duration, again bool) {
	if errors.Is(err, ErrPutOff) || errors.Is(err, ErrRevoked) || errors.Is(err, ErrDeviceUnknown) {
		return max(c.until(&c.gate.until), time.Second), true
	}
	for _, p := range paceOf {
		if errors.Is(err, p.sentinel) {
			return c.paced(p.kind, p.first, p.most), true
		}
	}
	var status *StatusError
	switch {
	case errors.As(err, &status) && status.Status >= 500:
		return max(status.RetryAfter, c.paced("server", 5*time.Second, 2*time.Minute)), true
	case status != nil:
		return max(c.jittered(status.RetryAfter), c.paced("status", 10*time.Second, 10*time.Minute)), true
	}
	return 0, false
}

func (c *Client) paced(kind string, first, most time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.paces[kind]
	if p == nil {
		p = &pace{first: first, most: most}
		c.paces[kind] = p
	}
	return c.jittered(p.next())
}

// until is how far off a time of the Client is.
func (c *Client) until(at *time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return at.Sub(c.cfg.Now())
}

// settled forgets all failures.
func (c *Client) settled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.paces)
	c.resume, c.lastErr = time.Time{}, ""
}

// note logs a failure, loudly the first time and quietly while it stays the same.
func (c *Client) note(err error, wait time.Duration) {
	c.mu.Lock()
	known := c.lastErr == err.Error()
	c.lastErr = err.Error()
	c.mu.Unlock()
	log := c.log.Warn
	if known {
		log = c.log.Debug
	}
	log("not authenticated at the Engine", "error", err, "next", wait.Round(time.Second))
}

// news says whether something changed that makes it worth trying before the wait is over: tokens of the other process,
// or another enrollment code.
func (c *Client) news() bool {
	before := c.held().Refresh
	if c.reload() != nil {
		return false
	}
	if now := c.held().Refresh; now != "" {
		return now != before
	}
	code, err := c.code()
	c.mu.Lock()
	defer c.mu.Unlock()
	return err == nil && c.lastCode != "" && code != c.lastCode
}
