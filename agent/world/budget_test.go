package world

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
)

func TestARoleThatUsesUpItsMinuteRestsAndRecovers(t *testing.T) {
	d := &desk{}
	w := serving(t, d, on(`if ev.spin then while true do end end desk.say("well")`), func(_ *contract.Setup, l *Limits) {
		l.Processor, l.Minute = 30*time.Millisecond, 60*time.Millisecond
	})
	var tired error
	for range 50 {
		if err := fire(t, w, `{"spin":true}`); errors.Is(err, ErrTired) {
			tired = err
			break
		}
	}
	if tired == nil {
		t.Fatal("a role that spins never rests")
	}
	w.purse.pay(-time.Minute) // as if a minute had passed
	if err := fire(t, w, `{}`); err != nil || d.heard() != "well" {
		t.Fatalf("%v, heard %q", err, d.heard())
	}
}

// hoard is a role that holds more than it may, in an event or for good.
const hoard = `local kept = {} ` + `function Role:register_events(events) events:on("go", function(ev)
	local t = ev.keep and kept or {}
	for i = 1, 1e7 do t[#t + 1] = ("x"):rep(1000) .. i end
end) end`

func TestAnEventThatHoldsTooMuchIsEndedAndLetsGo(t *testing.T) {
	w := serving(t, &desk{}, hoard, func(_ *contract.Setup, l *Limits) { l.Processor, l.Memory = time.Minute, 64<<20 })
	w.governor.exhausted = func(reason error) { t.Error("the whole world was given up:", reason) }
	err := fire(t, w, `{}`)
	if !errors.Is(err, ErrMemory) || !strings.HasPrefix(err.Error(), "role_t.lua:3:") {
		t.Fatal(err)
	}
}

func TestARoleThatDoesNotLetGoIsGivenUp(t *testing.T) {
	w := serving(t, &desk{}, on(`while true do end`), func(_ *contract.Setup, l *Limits) { l.Processor = time.Minute })
	given := make(chan error, 1)
	w.governor.exhausted = func(reason error) { given <- reason }
	w.governor.held = func(limit uint64) uint64 { return limit + 1 } // whatever is ended, as much stays
	if err := fire(t, w, `{}`); !errors.Is(err, ErrMemory) {
		t.Fatal(err)
	}
	if reason := <-given; !errors.Is(reason, ErrMemory) {
		t.Fatal(reason)
	}
}
