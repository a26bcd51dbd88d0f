package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// adopt takes up an approval. The tokens come only once, so they are kept before anything else can go wrong.
func (c *Client) adopt(d wire.EnrollDecision, over *tls.ConnectionState) error {
	guid, err := settings.ParseGUID(d.GUID)
	if err != nil {
		return fmt.Errorf("enrollment: %w: GUID %q", ErrAnswer, d.GUID)
	}
	if !tokenLike(d.AccessToken) || !tokenLike(d.RefreshToken) {
		return fmt.Errorf("enrollment: %w: the tokens are none", ErrAnswer)
	}
	tok := c.received(d.AccessToken, d.ExpiresIn)
	tok.Refresh = d.RefreshToken
	c.mu.Lock()
	if c.guid != guid {
		c.renameLocked()
	}
	c.guid, c.tokens, c.state, c.gate, c.lost, c.skewThen = guid, tok, StateEnrolled, gate{}, nil, c.clock.now()
	c.mu.Unlock()
	c.persist()
	c.trust(d.ServerCertificate, d.SigningKey, over)
	c.rebind()
	err = errors.Join(c.cfg.Tree.SpendCode(c.cfg.Label), c.cfg.Tree.UpdateDocument(c.cfg.Label, func(doc settings.Document) error {
		return doc.Set("agent_id", c.AgentID())
	}))
	if err != nil {
		c.log.Warn("the settings still hold the state before the enrollment", "error", err)
	}
	c.log.Info("enrolled", "guid", guid, "agent_id", c.AgentID())
	return nil
}

// rebind binds the tokens to what the end of the enrollment has pinned, should that differ from its beginning.
func (c *Client) rebind() {
	bound := c.door.binding()
	c.mu.Lock()
	same := c.tokens.Engine == bound
	c.tokens.Engine = bound
	c.mu.Unlock()
	if !same {
		c.persist()
	}
}

// trust takes up what an enrollment answer says is to be trusted from here on.
func (c *Client) trust(bundle, key string, over *tls.ConnectionState) {
	pinned, err := c.door.consider(bundle, over)
	switch {
	case err != nil:
		c.log.Warn("the trust in the Engine's certificate stays as it was", "error", err)
	case pinned:
		c.log.Info("the Engine's certificate bundle is pinned")
	}
	c.keepSigningKey(key, "enrollment")
}

// keepSigningKey stores the Engine's signing key. Only REST answers get here, and jobs never do.
func (c *Client) keepSigningKey(text, from string) {
	if text == "" {
		return
	}
	if _, err := wire.ParseKey(text); err != nil {
		c.log.Warn("the Engine's signing key is not taken", "from", from, "error", err)
		return
	}
	old, err := c.cfg.Tree.SigningKey()
	if err == nil && old == strings.TrimSpace(text) {
		return
	}
	if err := c.cfg.Tree.SaveSigningKey(text); err != nil {
		c.log.Error("the Engine's signing key is not on disk", "error", err)
		return
	}
	if old == "" {
		c.log.Info("the key that scripts must be signed with is stored", "from", from)
		return
	}
	c.log.Warn("the key that scripts must be signed with is another one now", "from", from)
}
