package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
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

// take takes the one place of a semaphore.
func take(ctx context.Context, place chan struct{}) (release func(), err error) {
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
