package world

import (
	"errors"
	"strings"
	"sync/atomic"
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

func TestMetamethodsOfTheRoleEndLikeItsHandlers(t *testing.T) {
	for name, body := range map[string]string{
		"new":   "function Role.new()\n return setmetatable({}, { __index = function() while true do end end }) end",
		"class": "\nsetmetatable(Role, { __index = function() while true do end end })",
	} {
		_, loaded := load(t, &desk{}, body, func(_ *contract.Setup, l *Limits) { l.Processor = 30 * time.Millisecond })
		if len(loaded.Problems) != 1 || loaded.Problems[0] != "role_t.lua:2: "+ErrBusy.Error() {
			t.Errorf("%s: %q", name, loaded.Problems)
		}
	}
}

func TestEveryFailureNamesItsPlace(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`error({ 1 })`, "role_t.lua:1: error object is a table"},
		{`error()`, "role_t.lua:1: error object is a nil"},
		{`error(print)`, "role_t.lua:1: error object is a function"},
		{`error("bare", 0)`, "role_t.lua:1: bare"},
		{`error(setmetatable({}, { __tostring = function() while true do end end }))`, "role_t.lua:1: error object is a table"},
		{`coroutine.wrap(function() error({}) end)()`, "role_t.lua:1: error object is a table"},
		{`assert(nil, "asserted")`, "role_t.lua:1: asserted"},
	} {
		w := serving(t, &desk{}, on(c.body))
		if err := fire(t, w, `{}`); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v\nwant %s", c.body, err, c.want)
		}
	}
}

func TestABusyMachineDoesNotMakeARoleABusyOne(t *testing.T) {
	var asked atomic.Int32
	d := &desk{enough: func() bool { return asked.Load() > 2 }}
	w := serving(t, d, on(`repeat until desk.enough()`), func(_ *contract.Setup, l *Limits) { l.Processor = 20 * time.Millisecond })
	w.processor = func() time.Duration { asked.Add(1); return 0 } // as if another program had it
	if err := fire(t, w, `{}`); err != nil {
		t.Fatal(err)
	}
}

func TestARoleThatOnlyHoldsTheBatonIsEnded(t *testing.T) {
	w := serving(t, &desk{}, on(`while true do end`), func(_ *contract.Setup, l *Limits) { l.Processor = 10 * time.Millisecond })
	w.processor = func() time.Duration { return 0 }
	if err := fire(t, w, `{}`); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
}

func TestProcessorTimeIsCounted(t *testing.T) {
	before := processorTime()
	for deadline := time.Now().Add(10 * time.Second); processorTime() == before; {
		if time.Now().After(deadline) {
			t.Fatal("the process uses no processor")
		}
	}
}
