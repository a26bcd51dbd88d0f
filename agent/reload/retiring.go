package reload

import (
	"context"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// retiring is an old version on its way out.
type retiring struct {
	cancel context.CancelFunc
	gone   chan struct{}
}

// retire drains an old version beside what goes on.
func retire(life context.Context, old *role.Role, limit time.Duration) *retiring {
	ctx, cancel := context.WithTimeout(life, limit)
	r := &retiring{cancel: cancel, gone: make(chan struct{})}
	go func() {
		defer close(r.gone)
		defer cancel()
		_ = old.Drain(ctx) // what it cut short, the role itself reports as lost
	}()
	return r
}

// end gives the draining a moment more, and then cuts it.
func (r *retiring) end(grace time.Duration) {
	if r == nil {
		return
	}
	select {
	case <-r.gone:
	case <-time.After(grace):
		r.cut()
	}
}

// cut ends the draining now and waits until nothing of the old version is left: a third version is coming, or the
// agent is going.
func (r *retiring) cut() {
	if r != nil {
		r.cancel()
		<-r.gone
	}
}
