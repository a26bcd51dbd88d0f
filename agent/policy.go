package main

import (
	"context"
	"slices"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/policy"
	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/luaroles"
)

func (a *agent) openPolicy(_ context.Context, c *runCmd) error {
	shipped, err := policy.Shipped(luaroles.Files)
	if err != nil {
		return err
	}
	a.policy = policy.NewCurrent(a.tree.Files(), shipped, c.AllowAllGrants)
	if _, err := a.policy.Changed(); err != nil {
		a.log.Error("policy cannot be read; only the shipped roles get what they declare", "error", err)
	}
	if c.AllowAllGrants {
		a.log.Warn("every role gets what it declares: --allow-all-grants")
	}
	return nil
}

// followPolicy lets the roles that a change of the policy concerns come to life again.
func (a *agent) followPolicy(ctx context.Context) error {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		changed, err := a.policy.Changed()
		switch {
		case changed && err != nil:
			a.log.Error("policy cannot be read; the one before it counts", "error", err)
		case changed:
			a.log.Info("policy changed")
			a.reload.Renew(a.outdated)
		}
	}
}

// outdated reports whether the policy now gives a role something else than it had at its start. What was refused may
// have been so for want of a grant.
func (a *agent) outdated(s reload.Status) bool {
	_, withheld := a.policy.Grants(s.Name, s.Grants)
	return s.State == reload.Refused || s.Refusal != nil || !slices.Equal(withheld, s.Withheld)
}
