package engine

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

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

// renameLocked tells the conversation, and who else wants to know, that the agent id is another one.
func (c *Client) renameLocked() {
	if c.cfg.Renamed != nil {
		c.cfg.Renamed()
	}
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
