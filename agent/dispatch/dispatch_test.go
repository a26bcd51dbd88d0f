package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// listener is a role that keeps what it gets.
type listener struct {
	events []string
	err    error
	mu     sync.Mutex
	got    []string
}

func (l *listener) Events() []string { return l.events }

func (l *listener) Deliver(ev wire.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, string(ev.Data))
	return l.err
}

func TestEveryRoleThatAskedGetsTheEvent(t *testing.T) {
	var table Table
	a, b := &listener{events: []string{"job", "stop"}}, &listener{events: []string{"job"}}
	table.Swap("a", a)
	table.Swap("b", b)
	if n := table.Dispatch(wire.Event{Name: "job", Data: []byte("1")}); n != 2 {
		t.Fatalf("%d roles took the job", n)
	}
	if n := table.Dispatch(wire.Event{Name: "stop", Data: []byte("2")}); n != 1 {
		t.Fatalf("%d roles took the stop", n)
	}
	if n := table.Dispatch(wire.Event{Name: "nobody"}); n != 0 {
		t.Fatalf("%d roles took what nobody asked for", n)
	}
	if !slices.Equal(a.got, []string{"1", "2"}) || !slices.Equal(b.got, []string{"1"}) {
		t.Fatalf("a %v, b %v", a.got, b.got)
	}
}

func TestARefusalIsToldAndHarmsNoOther(t *testing.T) {
	full := errors.New("full")
	var told string
	table := Table{Refused: func(_ wire.Event, role string, err error) { told = fmt.Sprint(role, ": ", err) }}
	table.Swap("a", &listener{events: []string{"job"}, err: full})
	b := &listener{events: []string{"job"}}
	table.Swap("b", b)
	table.Dispatch(wire.Event{Name: "job"})
	if told != "a: full" || len(b.got) != 1 {
		t.Fatalf("told %q, b got %v", told, b.got)
	}
}

func TestAnEventBelongsToOneVersion(t *testing.T) {
	var table Table
	const events, versions = 2000, 20
	all := []*listener{{events: []string{"job"}}}
	table.Swap("role", all[0])
	var sending sync.WaitGroup
	sending.Go(func() {
		for i := range events {
			table.Dispatch(wire.Event{Name: "job", Data: fmt.Append(nil, i)})
		}
	})
	names := []string{"role", "renamed"}
	for i := range versions {
		next := &listener{events: []string{"job"}}
		all = append(all, next)
		table.Rename(names[i/2%2], names[(i+1)/2%2], next)
	}
	sending.Wait()
	seen := map[string]int{}
	for _, version := range all {
		for _, ev := range version.got {
			seen[ev]++
		}
	}
	for i := range events {
		if n := seen[fmt.Sprint(i)]; n != 1 {
			t.Fatalf("event %d reached %d versions", i, n)
		}
	}
}

func TestARoleTakenOutGetsNothing(t *testing.T) {
	var table Table
	a := &listener{events: []string{"job"}}
	table.Swap("a", a)
	if old := table.Swap("a", nil); old != Subscriber(a) {
		t.Fatalf("took out %v", old)
	}
	table.Dispatch(wire.Event{Name: "job"})
	if len(a.got) != 0 || len(table.Roles()) != 0 {
		t.Fatalf("got %v, roles %v", a.got, table.Roles())
	}
}
