package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
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
	_, why := c.renew(ctx, "")
	if !errors.Is(why, ErrNotEnrolled) {
		return why
	}
	if err := c.enroll(ctx); err != nil {
		if errors.Is(err, ErrNoCode) {
			err = fmt.Errorf("%w (%w)", err, why)
		}
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
		return "", c.notEnrolled()
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
		return "", c.notEnrolled()
	}
	return c.refresh(ctx, stale)
}

// notEnrolled is ErrNotEnrolled with what took the tokens away, if there were some.
func (c *Client) notEnrolled() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost == nil {
		return ErrNotEnrolled
	}
	return fmt.Errorf("%w: %w", ErrNotEnrolled, c.lost)
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

// received is a fresh access token with its local expiry.
func (c *Client) received(access string, expiresIn wire.Number) settings.Tokens {
	life := expiresIn.Duration(time.Second)
	if life == 0 {
		life = lifeUnknown
	}
	now := c.cfg.Now().Truncate(time.Second)
	return settings.Tokens{
		Access: access, ExpiresAt: now.Add(max(life-expiryEarly, 0)), BoundAt: now,
		Fingerprint: c.cfg.Identity.Fingerprint(), Engine: c.door.binding(),
	}
}

// maxToken is far above any token, and far below what a file of the tree or a header may hold.
const maxToken = 8 << 10

// tokenLike says whether a text can be a token at all: tokens go into a header and a line of a file.
func tokenLike(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return text != "" && len(text) <= maxToken
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
	if err := c.door.reopen(); err != nil {
		return err
	}
	tok, err := c.cfg.Tree.Tokens()
	if err != nil {
		return err
	}
	guid, err := c.cfg.Tree.GUID()
	if err != nil {
		return err
	}
	misfit := c.misfit(tok)
	if misfit != nil {
		tok = settings.Tokens{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if misfit != nil && c.lost == nil {
		c.lost = misfit
		c.log.Error("the tokens on disk are not used", "error", misfit)
	}
	if c.unsaved || (tok.Refresh == c.tokens.Refresh && tok.Access == c.tokens.Access && tok.ExpiresAt.Equal(c.tokens.ExpiresAt)) {
		return nil
	}
	c.takeUpLocked(tok)
	if guid != "" && guid != c.guid {
		c.guid = guid
		c.renameLocked()
	}
	return nil
}

// takeUpLocked makes tokens from disk the ones in use.
func (c *Client) takeUpLocked(tok settings.Tokens) {
	c.tokens, c.skewThen, c.state = tok, nil, StateUnenrolled
	if tok.Refresh != "" {
		c.lost, c.state = nil, StateEnrolled
	}
}

// misfit is why tokens may not be sent: they were given to another device key, or by an Engine that proved itself in
// another way than the one that is trusted now.
func (c *Client) misfit(tok settings.Tokens) error {
	switch bound := c.door.binding(); {
	case tok.Refresh == "":
	case tok.Fingerprint != "" && !strings.EqualFold(tok.Fingerprint, c.cfg.Identity.Fingerprint()):
		return fmt.Errorf("%w: they were given to the device key %s", ErrBinding, tok.Fingerprint)
	case tok.Engine != "" && tok.Engine != bound:
		return fmt.Errorf("%w: they came from the Engine under %s", ErrBinding, tok.Engine)
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
	ok := tok.Refresh != "" && tok.Access != "" && tok.Access != stale && c.left(tok) > margin
	return tok.Access, ok
}

// left is how long a token still lives. Its expiry is a time of the local clock, so what that clock has been set by
// since, which shows in its distance from the Engine's, does not count.
func (c *Client) left(tok settings.Tokens) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := tok.ExpiresAt.Sub(c.cfg.Now())
	if now := c.clock.now(); now != nil && c.skewThen != nil {
		if set := *c.skewThen - *now; set.Abs() >= skewNoise {
			left += set
		}
	}
	return left
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
