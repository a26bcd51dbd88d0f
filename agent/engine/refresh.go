package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// refresh asks for a new access token, unless that failed a moment ago. While it fails, a token that still lives goes
// on serving.
func (c *Client) refresh(ctx context.Context, stale string) (string, error) {
	used := c.held()
	err := c.gateError()
	if err == nil {
		err = c.askRefresh(ctx, used)
		if err == nil {
			return c.held().Access, nil
		}
		if ctx.Err() != nil {
			return "", err
		}
	}
	if refusedForGood(err) {
		return c.refused(ctx, used, stale, err)
	}
	if used.Access != stale && c.left(used) > lastGasp {
		return used.Access, nil
	}
	return "", err
}

func (c *Client) askRefresh(ctx context.Context, used settings.Tokens) error {
	body, err := encode(wire.RefreshRequest{GUID: c.GUID(), RefreshToken: used.Refresh})
	if err != nil {
		return err
	}
	var answer wire.RefreshAnswer
	_, err = c.do(ctx, posting{path: wire.PathTokenRefresh, body: body, timeout: refreshTimeout}, &answer)
	if err == nil && !tokenLike(answer.AccessToken) {
		err = fmt.Errorf("post %q: %w: no access token", wire.PathTokenRefresh, ErrAnswer)
	}
	if err != nil {
		if ctx.Err() == nil {
			err = c.shutGate(err)
		}
		return err
	}
	c.keepAccess(used, answer)
	return nil
}

// refusedForGood says whether the Engine itself, and not some proxy before it, refused the refresh token.
func refusedForGood(err error) bool {
	return is(err, http.StatusUnauthorized) && !is(err, http.StatusUnauthorized, "")
}

// refused is what a refused refresh token leads to: the other process's newer one if there is one, else the end of
// this enrollment. Identity, GUID, bundle and signing key stay.
func (c *Client) refused(ctx context.Context, used settings.Tokens, stale string, cause error) (string, error) {
	unlock, err := c.cfg.Tree.TryLock(settings.LockEnrollment)
	if err != nil && !errors.Is(err, settings.ErrLocked) {
		return "", err
	}
	if err == nil { // else the other process is enrolling, and its files are not ours to remove
		defer unlock()
	}
	if err := c.reload(); err != nil {
		return "", err
	}
	if now := c.held(); now.Refresh != "" && now.Refresh != used.Refresh {
		if access, ok := c.usable(stale); ok {
			return access, nil
		}
		return c.refresh(ctx, stale)
	}
	if unlock != nil {
		if err := c.cfg.Tree.ForgetTokens(); err != nil {
			return "", err
		}
	}
	c.forget(cause)
	return "", c.notEnrolled()
}

// forget lets go of the tokens, which cause made worthless.
func (c *Client) forget(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens, c.unsaved, c.state, c.lost = settings.Tokens{}, false, StateUnenrolled, cause
}

// keepAccess takes up a new access token. A disk that does not take it costs a refresh after the next start.
func (c *Client) keepAccess(used settings.Tokens, answer wire.RefreshAnswer) {
	tok := c.received(answer.AccessToken, answer.ExpiresIn)
	tok.Refresh = used.Refresh
	c.mu.Lock()
	c.tokens, c.skewThen, c.gate, c.state = tok, c.clock.now(), gate{}, StateEnrolled
	unsaved := c.unsaved
	c.mu.Unlock()
	if unsaved {
		c.persist()
	} else if err := c.cfg.Tree.SaveAccess(tok); err != nil {
		c.log.Error("the new access token is not on disk", "error", err)
	}
}
