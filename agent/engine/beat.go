package engine

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// The cadence of the periodic calls, of the contract; each is jittered by a tenth.
const (
	beatFirst, beatEvery     = 15 * time.Second, 60 * time.Second
	scriptFirst, scriptEvery = 20 * time.Second, 30 * time.Second
)

// Run makes the periodic calls until ctx ends, and enrolls the device again should that become necessary. It returns
// the cause of the end.
func (c *Client) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { c.periodically(ctx, "heartbeat", beatFirst, beatEvery, c.heartbeat) })
	wg.Go(func() { c.periodically(ctx, "script request", scriptFirst, scriptEvery, c.scriptRequest) })
	wg.Wait()
	return context.Cause(ctx)
}

// periodically makes a call until ctx ends. A failure is loud the first time, and quiet while it stays the same.
func (c *Client) periodically(ctx context.Context, name string, first, every time.Duration, call func(context.Context) error) {
	said := ""
	for wait := first; sleep(ctx, c.around(wait)) == nil; wait = every {
		err := c.Authenticate(ctx)
		if err == nil {
			err = call(ctx)
		}
		switch {
		case err == nil:
			said = ""
		case ctx.Err() != nil:
		case errors.Is(err, ErrPutOff), err.Error() == said: // what it is put off for was said
			c.log.Debug(name, "error", err)
		default:
			said = err.Error()
			c.log.Warn(name, "error", err)
		}
	}
}

func (c *Client) heartbeat(ctx context.Context) error { return c.beat(ctx, nil) }

// beat sends one heartbeat. Inventory is left out when it is nil.
func (c *Client) beat(ctx context.Context, inventory map[string]json.RawMessage) error {
	m := c.cfg.Metrics(ctx)
	m.ServiceMode, m.Hostname = c.cfg.Mode.ServiceMode(), c.cfg.Hostname
	return c.postCore(ctx, wire.PathHeartbeat, wire.Heartbeat{
		GUID: c.GUID(), Hostname: c.cfg.Hostname, Metrics: m, Inventory: inventory, RoleHealth: c.roleHealth(ctx),
	}, nil)
}

func (c *Client) roleHealth(ctx context.Context) *wire.RoleHealth {
	if c.cfg.Health == nil {
		return nil
	}
	return &wire.RoleHealth{Roles: c.cfg.Health(ctx), ReportedAt: c.cfg.Now().Unix()}
}

// scriptRequest asks for work. No known Engine hands any out here, and none would be done: jobs come through the gate.
// A signing key without a script is how an Engine changes its key; it counts only if TLS vouches for the sender.
func (c *Client) scriptRequest(ctx context.Context) error {
	var answer wire.ScriptAnswer
	if err := c.postCore(ctx, wire.PathScriptRequest, wire.ScriptRequest{GUID: c.GUID()}, &answer); err != nil {
		return err
	}
	if answer.Script != "" {
		c.log.Warn("a script came with the answer to a script request, and is not run")
		return nil
	}
	if c.base.Scheme == "https" {
		c.keepSigningKey(answer.SigningKey, "script request")
	}
	return nil
}

// ReportHash tells the Engine what this agent was built from. The agent never does so by itself: Engines compare the
// hash with those of upstream's agent.
func (c *Client) ReportHash(ctx context.Context, hash string) error {
	return c.postCore(ctx, wire.PathHash, wire.HashReport{AgentHash: hash, AgentID: c.AgentID(), AgentGUID: c.GUID()}, nil)
}
