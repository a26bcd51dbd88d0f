package role

import (
	"context"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// Bindings are those of one role, opened: a *bindings.Set, or what stands for one whose bindings are carried out in a
// user's session.
type Bindings interface {
	Call(ctx context.Context, c bindings.Call) (any, error)
	Describe(list []bindings.Binding, grants bindings.Grants) []bindings.Module
	Open() map[string]int
	Left() []string
	Close() error
}

// open opens what the role's grants cover, where the agent has it carried out.
func (r *Role) open(grants bindings.Grants) (Bindings, error) {
	agent := &host{role: r, grants: grants}
	if r.cfg.Open != nil {
		return r.cfg.Open(agent, r.cfg.Bindings, grants)
	}
	return bindings.Open(agent, r.cfg.Bindings, grants)
}
