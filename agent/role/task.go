package role

import (
	"context"
	"fmt"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Task is an event that a role has taken and not come to an end with.
type Task struct {
	Event   wire.Event
	Waiting bool // nothing of it has begun
	Since   time.Time
}

// Tasks are those of the role that which names, first those under way, each in order of arrival.
func (r *Role) Tasks(which func(wire.Event) bool) (tasks []Task) {
	m := &r.mailbox
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, list := range []struct {
		letters []*letter
		waiting bool
	}{{m.under, false}, {m.waiting, true}} {
		for _, l := range list.letters {
			if l.call == contract.Event && which(l.event) {
				tasks = append(tasks, Task{Event: l.event, Waiting: list.waiting, Since: l.since})
			}
		}
	}
	return tasks
}

// Withdraw takes events that wait out of the role's mailbox, which are then lost for this reason, and reports how many
// there were.
func (r *Role) Withdraw(which func(wire.Event) bool, reason error) int {
	taken := r.mailbox.withdraw(which)
	for _, l := range taken {
		r.log.Info("event withdrawn", "event", l.event.Name, "reason", reason)
		r.cfg.Lost(l.event, r.manifest.Name, reason)
		r.mailbox.open.Done()
	}
	return len(taken)
}

// Tell has the role handle an event at once, past its mailbox, also while it drains, and returns when it has.
func (r *Role) Tell(ctx context.Context, ev wire.Event) error {
	happening := contract.Happening{Name: ev.Name, Data: ev.Data, Bytes: ev.Bytes}
	if err := r.peer.Call(ctx, contract.Event, happening, nil); err != nil {
		return fmt.Errorf("role %q: %w", r.manifest.Name, err)
	}
	return nil
}
