package role

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// bounded is a role of which two of the event "go" may be under way, and any number of others.
const bounded = `function Role:register_events(events)
  events:on("go", function(n) desk.say(n) desk.hold() end, { at_once = 2 })
  events:on("other", function() desk.say("other") end)
  events:on("stop", function(ev) desk.say("stop " .. ev.n) end)
end`

func event(name, data string) wire.Event { return wire.Event{Name: name, Data: json.RawMessage(data)} }

// numbers are those events whose data is one of these.
func numbers(data ...string) func(wire.Event) bool {
	return func(ev wire.Event) bool { return slices.Contains(data, string(ev.Data)) }
}

func (o *office) said(want string) {
	o.t.Helper()
	if got := <-o.emitted; string(got.Data) != want {
		o.t.Errorf("got %s, want %s", got.Data, want)
	}
}

func TestOfABoundedEventTheRestWaitInOrderAndLetOthersBy(t *testing.T) {
	o, cfg := newOffice(t)
	r := start(t, cfg, bounded)
	for _, n := range []string{"1", "2", "3", "4", "5"} {
		if err := r.Deliver(event("go", n)); err != nil {
			t.Fatal(err)
		}
	}
	o.said("1")
	o.said("2")
	if err := r.Deliver(event("other", "0")); err != nil {
		t.Fatal(err)
	}
	o.said(`"other"`)
	var states []string
	for _, task := range r.Tasks(func(ev wire.Event) bool { return ev.Name == "go" }) {
		states = append(states, map[bool]string{false: "runs ", true: "waits "}[task.Waiting]+string(task.Event.Data))
	}
	if want := []string{"runs 1", "runs 2", "waits 3", "waits 4", "waits 5"}; !slices.Equal(states, want) {
		t.Errorf("got %q", states)
	}

	gone := errors.New("not wanted any more")
	if n := r.Withdraw(numbers("4", "1"), gone); n != 1 {
		t.Errorf("%d withdrawn", n)
	}
	if err := <-o.lost; !errors.Is(err, gone) {
		t.Errorf("lost for %v", err)
	}
	if err := r.Tell(t.Context(), event("stop", `{"n":1}`)); err != nil {
		t.Error(err)
	}
	o.said(`"stop 1"`)
	close(o.release)
	o.said("3")
	o.said("5")
	if r.Withdraw(numbers("5"), gone) != 0 {
		t.Error("withdrew what was under way")
	}
}

func TestADrainingRoleCanStillBeTold(t *testing.T) {
	o, cfg := newOffice(t)
	r := start(t, cfg, bounded)
	if err := r.Deliver(event("go", "1")); err != nil {
		t.Fatal(err)
	}
	o.said("1")
	drained := make(chan error)
	go func() { drained <- r.Drain(t.Context()) }()
	for !errors.Is(r.Deliver(event("other", "0")), ErrDraining) {
		<-o.emitted
	}
	if err := r.Remind(event("stop", `{"n":2}`)); err != nil {
		t.Error(err)
	}
	for got := <-o.emitted; string(got.Data) != `"stop 2"`; got = <-o.emitted {
	}
	if err := r.Tell(t.Context(), event("stop", `{"n":1}`)); err != nil {
		t.Error(err)
	}
	for got := <-o.emitted; string(got.Data) != `"stop 1"`; got = <-o.emitted {
	}
	close(o.release)
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if err := r.Tell(t.Context(), event("stop", `{"n":1}`)); err == nil {
		t.Error("a role that is gone was told")
	}
	if err := r.Remind(event("stop", `{"n":1}`)); !errors.Is(err, ErrDraining) {
		t.Errorf("a role that is gone: %v", err)
	}
}
