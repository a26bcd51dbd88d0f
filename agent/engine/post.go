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
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	if strings.HasPrefix(path, "/api/agent/enroll/") || strings.HasPrefix(path, "/api/agent/token/") {
		return fmt.Errorf("path %q: %w: the agent itself does that", path, ErrPath)
	}
	if _, err := c.resolve(path); err != nil {
		return err
	}
	body, err := encode(in)
	if err != nil {
		return fmt.Errorf("post %q: %w", path, err)
	}
	stale := ""
	for {
		token, err := c.token(ctx, stale)
		if err != nil {
			return fmt.Errorf("post %q: %w", path, err)
		}
		_, err = c.do(ctx, posting{path: path, body: body, token: token}, out)
		if path == wire.PathDetails && is(err, http.StatusForbidden, "fingerprint_mismatch", "guid_mismatch") {
			c.log.Warn("the Engine has another device under this host name; approve this one with overwrite, or rename it",
				"hostname", c.cfg.Hostname)
		}
		if stale != "" || !renewable(path, err) {
			return err
		}
		stale = token
	}
}

// renewable says whether a new access token may help. A 403 about details is about the host name, not the token.
func renewable(path string, err error) bool {
	if is(err, http.StatusUnauthorized) {
		return true
	}
	return path != wire.PathDetails &&
		is(err, http.StatusForbidden, "token_version_mismatch", "fingerprint_mismatch", "guid_mismatch")
}
