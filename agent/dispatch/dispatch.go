// Package dispatch knows who asked for which event: a table from event names to roles, and the fan-out over it. It
// promises that every role which asked gets every event, in order and without waiting for another role, and that an
// event belongs to exactly one version of a role, also while versions change. It knows nothing of Lua or files.
package dispatch

import (
	"maps"
	"slices"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Subscriber is one version of a role.
type Subscriber interface {
	// Events are the names that the role asked for; they never change.
	Events() []string
	// Deliver takes an event or says why not; it never blocks.
	Deliver(ev wire.Event) error
}

// Table is the table. Its zero value is empty and ready.
type Table struct {
	// Refused is told of each event that a role asked for and did not take; nil drops it.
	Refused func(ev wire.Event, role string, err error)

	mu    sync.RWMutex
	roles map[string]Subscriber
	asked map[string][]string // event -> names of roles, sorted
}

// Dispatch gives an event to every role that asked for it, and reports how many did.
func (t *Table) Dispatch(ev wire.Event) int {
	// Held over the deliveries, so that once Swap has returned the old version gets nothing more.
	t.mu.RLock()
	defer t.mu.RUnlock()
	names := t.asked[ev.Name]
	for _, name := range names {
		if err := t.roles[name].Deliver(ev); err != nil && t.Refused != nil {
			t.Refused(ev, name, err)
		}
	}
	return len(names)
}

// Swap puts the next version of a role in the place of the old one, which it returns; a nil next only takes the old
// one out.
func (t *Table) Swap(name string, next Subscriber) (old Subscriber) {
	return t.Rename(name, name, next)
}

// Rename is Swap for a next version that bears another name: no event reaches both, and none reaches neither.
func (t *Table) Rename(from, to string, next Subscriber) (old Subscriber) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old = t.roles[from]
	roles := maps.Clone(t.roles)
	if roles == nil {
		roles = map[string]Subscriber{}
	}
	delete(roles, from)
	if next != nil {
		roles[to] = next
	}
	t.roles, t.asked = roles, index(roles)
	return old
}

func index(roles map[string]Subscriber) map[string][]string {
	asked := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		for _, event := range roles[name].Events() {
			asked[event] = append(asked[event], name)
		}
	}
	return asked
}

// Roles gives the roles by name.
func (t *Table) Roles() map[string]Subscriber {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.roles)
}
