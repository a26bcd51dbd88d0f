package engine

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Post sends in to a path of the device's REST interface and decodes the answer into out, which may be nil. It carries
// the device's token, renewed before it runs out; if the Engine takes it for stale all the same, the call is made once
// more with a new one. A device without an enrollment gets ErrNotEnrolled at once: Authenticate, which the
// conversation and the periodic calls go through, is what enrolls it again.
//
// Calls past what the Engine takes in a minute wait.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	return c.post(ctx, posting{path: path}, in, out)
}

// postCore is Post for the agent's own calls, for which a part of the budget is kept.
func (c *Client) postCore(ctx context.Context, path string, in, out any) error {
	return c.post(ctx, posting{path: path, core: true}, in, out)
}

func (c *Client) post(ctx context.Context, p posting, in, out any) error {
	path := p.path
	if strings.HasPrefix(path, "/api/agent/enroll/") || strings.HasPrefix(path, "/api/agent/token/") {
		return fmt.Errorf("path %q: %w: the agent itself does that", path, ErrPath)
	}
	if _, err := c.resolve(path); err != nil {
		return err
	}
	var err error
	if p.body, err = encode(in); err == nil {
		err = c.barred()
	}
	if err != nil {
		return fmt.Errorf("post %q: %w", path, err)
	}
	stale := ""
	for {
		if p.token, err = c.token(ctx, stale); err != nil {
			return fmt.Errorf("post %q: %w", path, err)
		}
		_, err = c.do(ctx, p, out)
		if path == wire.PathDetails && is(err, http.StatusForbidden, "fingerprint_mismatch", "guid_mismatch") {
			c.log.Warn("the Engine has another device under this host name; approve this one with overwrite, or rename it",
				"hostname", c.cfg.Hostname)
		}
		if stale != "" || !renewable(path, err) {
			return c.heed(err)
		}
		c.log.Info("the Engine does not take the access token any more; it is renewed", "reason", err)
		stale = p.token
	}
}

// barred is why no call may be made for a device that the Engine has just refused as such, nil when one may.
func (c *Client) barred() error {
	c.mu.Lock()
	refused := c.state == StateRevoked || c.state == StateForgotten
	c.mu.Unlock()
	if !refused {
		return nil
	}
	return c.gateError()
}

// heed draws the consequences of how a device call ended: a device that the Engine refuses as such asks seldom from
// then on, until a call gets through again.
func (c *Client) heed(err error) error {
	c.mu.Lock()
	before := c.state
	c.mu.Unlock()
	if is(err, http.StatusForbidden, "device_revoked") || is(err, http.StatusNotFound, "device_not_found") {
		err = c.shutGate(err)
		if before == StateEnrolled {
			c.log.Error("the Engine refuses this device; it asks again every few minutes", "error", err)
		}
		return err
	}
	if err == nil && (before == StateRevoked || before == StateForgotten) {
		c.mu.Lock()
		c.state, c.gate = StateEnrolled, gate{}
		c.mu.Unlock()
		c.log.Info("the Engine takes this device again")
	}
	return err
}

// renewable says whether a new access token may help. A 403 about details is about the host name, not the token.
func renewable(path string, err error) bool {
	if is(err, http.StatusUnauthorized) {
		return true
	}
	return path != wire.PathDetails &&
		is(err, http.StatusForbidden, "token_version_mismatch", "fingerprint_mismatch", "guid_mismatch")
}
