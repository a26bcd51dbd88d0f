package reload

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

func TestAnOldVersionFinishesWhatItBegan(t *testing.T) {
	f := watchFolder(t)
	slow := strings.Replace(saying("a", "slow"), "desk.say", "desk.hold() desk.say", 1)
	f.save("role_a.lua", slow)
	f.untilState("role_a.lua", Running)
	f.table.Dispatch(wire.Event{Name: "ask", Data: json.RawMessage(`{}`)})
	f.save("role_a.lua", saying("a", "new"))
	f.serves("role_a.lua", saying("a", "new"))
	f.answers("new")
	close(f.release)
	if said := <-f.said; said != "slow" {
		t.Fatalf("said %q", said)
	}
}

func TestAThirdVersionCutsTheFirst(t *testing.T) {
	f := watchFolder(t)
	slow := strings.Replace(saying("a", "slow"), "desk.say", "desk.hold() desk.say", 1)
	f.save("role_a.lua", slow)
	f.untilState("role_a.lua", Running)
	f.table.Dispatch(wire.Event{Name: "ask", Data: json.RawMessage(`{}`)})
	f.save("role_a.lua", saying("a", "two"))
	f.serves("role_a.lua", saying("a", "two"))
	f.save("role_a.lua", saying("a", "three"))
	f.serves("role_a.lua", saying("a", "three"))
	if err := <-f.lost; !errors.Is(err, role.ErrEnded) {
		t.Fatal(err)
	}
}

// TestNeverMoreThanTwoVersionsLive saves version after version of a role whose handlers never end.
func TestNeverMoreThanTwoVersionsLive(t *testing.T) {
	f := watchFolder(t, func(c *Config) { c.Times.Grace = 10 * time.Millisecond })
	for i := range 6 {
		text := strings.Replace(saying("a", fmt.Sprint(i)), "desk.say", "desk.hold() desk.say", 1)
		f.save("role_a.lua", text)
		f.serves("role_a.lua", text)
		f.table.Dispatch(wire.Event{Name: "ask", Data: json.RawMessage(`{}`)})
	}
	if most := f.most.Load(); most != 2 {
		t.Errorf("%d versions lived at once", most)
	}
}

// A version that is not even sound must not cost the one before the last its handlers.
func TestABrokenSaveCutsNobody(t *testing.T) {
	f := watchFolder(t, func(c *Config) { c.Times.Grace = 0 })
	f.save("role_a.lua", strings.Replace(saying("a", "slow"), "desk.say", "desk.hold() desk.say", 1))
	f.untilState("role_a.lua", Running)
	f.table.Dispatch(wire.Event{Name: "ask", Data: json.RawMessage(`{}`)})
	f.save("role_a.lua", saying("a", "two"))
	f.serves("role_a.lua", saying("a", "two"))
	f.save("role_a.lua", "nonsense")
	f.until("role_a.lua", func(s Status) bool { return s.Refusal != nil })
	close(f.release)
	if said := <-f.said; said != "slow" {
		t.Errorf("said %q", said)
	}
}

// TestAQuickHandlerIsNotCut lets the next version but one come while a handler of the first has only begun.
func TestAQuickHandlerIsNotCut(t *testing.T) {
	f := watchFolder(t, func(c *Config) { c.Times.Grace = 20 * time.Second })
	f.save("role_a.lua", strings.Replace(saying("a", "quick"), "desk.say", "desk.hold() desk.say", 1))
	f.untilState("role_a.lua", Running)
	f.table.Dispatch(wire.Event{Name: "ask", Data: json.RawMessage(`{}`)})
	f.save("role_a.lua", saying("a", "two"))
	f.serves("role_a.lua", saying("a", "two"))
	f.save("role_a.lua", saying("a", "three"))
	f.answers("two") // the third waits
	close(f.release)
	if said := <-f.said; said != "quick" {
		t.Errorf("said %q", said)
	}
	f.answers("three")
}
