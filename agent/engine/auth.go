package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

const (
	renewBefore = time.Minute      // what an access token must have left for a call
	lastGasp    = 15 * time.Second // what it must have left when it cannot be renewed
	lifeUnknown = 5 * time.Minute  // of a token that came without expires_in
	expiryEarly = 5 * time.Second  // taken off every expires_in, for the way here
	newsPoll    = 10 * time.Second // how often a wait looks for what could end it early
	revokedWait = 5 * time.Minute  // between a revoked device's questions
)

// Authenticate sees to it that the device has a usable access token: it refreshes, or enrolls and waits for the
// operator, however long that takes. What may pass is tried again, at growing and jittered distances. It returns an
// error when ctx ends, or when only somebody's help can end the trouble: no enrollment code, or a file of the tree
// that cannot be read. Many callers make one attempt.
func (c *Client) Authenticate(ctx context.Context) error {
	if _, ok := c.usable(""); ok {
		return nil
	}
	release, err := take(ctx, c.auth)
	if err != nil {
		return err
	}
	defer release()
	for {
		if err := sleepOr(ctx, c.until(&c.resume), newsPoll, c.news); err != nil {
			return err
		}
		err := c.attempt(ctx)
		if err == nil {
			c.settled()
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wait, again := c.patience(err)
		c.note(err, wait)
		if !again {
			return err
		}
		c.mu.Lock()
		c.resume = c.cfg.Now().Add(wait)
		c.mu.Unlock()
	}
}

// attempt tries once, with what the device has.
func (c *Client) attempt(ctx context.Context) error {
	release, err := take(ctx, c.turn)
	if err != nil {
		return err
	}
	defer release()
	if _, err := c.renew(ctx, ""); !errors.Is(err, ErrNotEnrolled) {
		return err
	}
	if err := c.enroll(ctx); err != nil {
		return err
	}
	_, err = c.renew(ctx, "") // the other process may have enrolled, a while ago
	return err
}

// token is an access token other than stale that is good for a call. It never enrolls.
func (c *Client) token(ctx context.Context, stale string) (string, error) {
	if access, ok := c.usable(stale); ok {
		return access, nil
	}
	if c.held().Refresh == "" {
		return "", ErrNotEnrolled
	}
	release, err := take(ctx, c.turn)
	if err != nil {
		return "", err
	}
	defer release()
	return c.renew(ctx, stale)
}

// renew is token for the holder of the turn. Who waited for the turn finds what the one before has got.
func (c *Client) renew(ctx context.Context, stale string) (string, error) {
	if access, ok := c.usable(stale); ok {
		return access, nil
	}
	if err := c.reload(); err != nil {
		return "", err
	}
	if access, ok := c.usable(stale); ok {
		return access, nil
	}
	if c.held().Refresh == "" {
		return "", ErrNotEnrolled
	}
	return c.refresh(ctx, stale)
}

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
	if used.Access != stale && used.ExpiresAt.Sub(c.cfg.Now()) > lastGasp {
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
	if err == nil && answer.AccessToken == "" {
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
	c.forget()
	return "", fmt.Errorf("%w: %w", ErrNotEnrolled, cause)
}

func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens, c.unsaved, c.state = settings.Tokens{}, false, StateUnenrolled
}

// keepAccess takes up a new access token. A disk that does not take it costs a refresh after the next start.
func (c *Client) keepAccess(used settings.Tokens, answer wire.RefreshAnswer) {
	tok := c.received(answer.AccessToken, answer.ExpiresIn)
	tok.Refresh = used.Refresh
	c.mu.Lock()
	c.tokens, c.gate, c.state = tok, gate{}, StateEnrolled
	unsaved := c.unsaved
	c.mu.Unlock()
	if unsaved {
		c.persist()
	} else if err := c.cfg.Tree.SaveAccess(tok); err != nil {
		c.log.Error("the new access token is not on disk", "error", err)
	}
}

// received is a fresh access token with its local expiry.
func (c *Client) received(access string, expiresIn wire.Number) settings.Tokens {
	life := expiresIn.Duration(time.Second)
	if life == 0 {
		life = lifeUnknown
	}
	now := c.cfg.Now().Truncate(time.Second)
	return settings.Tokens{
		Access: access, ExpiresAt: now.Add(max(life-expiryEarly, 0)), BoundAt: now,
		Fingerprint: c.cfg.Identity.Fingerprint(),
	}
}

// persist writes GUID and tokens. What fails is tried again with the next refresh.
func (c *Client) persist() {
	c.mu.Lock()
	guid, tok := c.guid, c.tokens
	c.mu.Unlock()
	err := errors.Join(c.cfg.Tree.SaveGUID(guid), c.cfg.Tree.SaveTokens(tok))
	if err != nil {
		c.log.Error("the tokens are not on disk; a restart now would cost the enrollment", "error", err)
	}
	c.mu.Lock()
	c.unsaved = err != nil
	c.mu.Unlock()
}

// reload takes up what lies on disk, where the other process may have put newer tokens or removed refused ones.
func (c *Client) reload() error {
	tok, err := c.cfg.Tree.Tokens()
	if err != nil {
		return err
	}
	guid, err := c.cfg.Tree.GUID()
	if err != nil {
		return err
	}
	c.mu.Lock()
	changed := !c.unsaved &&
		(tok.Refresh != c.tokens.Refresh || tok.Access != c.tokens.Access || !tok.ExpiresAt.Equal(c.tokens.ExpiresAt))
	if changed {
		c.tokens = tok
		if c.state = StateUnenrolled; tok.Refresh != "" {
			c.state = StateEnrolled
		}
	}
	if changed && guid != "" && guid != c.guid {
		c.guid = guid
		c.renameLocked()
	}
	c.mu.Unlock()
	if changed {
		return c.door.reopen()
	}
	return nil
}

// renameLocked tells the conversation that the agent id is another one.
func (c *Client) renameLocked() {
	select {
	case c.renamed <- struct{}{}:
	default:
	}
}

func (c *Client) held() settings.Tokens {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens
}

// usable is the access token if it is not stale and has enough time left: a minute, or a third of a life shorter than
// three.
func (c *Client) usable(stale string) (string, bool) {
	tok := c.held()
	margin := renewBefore
	if life := tok.ExpiresAt.Sub(tok.BoundAt); !tok.BoundAt.IsZero() && life < 3*renewBefore {
		margin = life / 3
	}
	ok := tok.Refresh != "" && tok.Access != "" && tok.Access != stale && tok.ExpiresAt.Sub(c.cfg.Now()) > margin
	return tok.Access, ok
}

// take takes the one place of a semaphore.
func take(ctx context.Context, place chan struct{}) (release func(), err error) {
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
