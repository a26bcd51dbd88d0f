package role

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/process"
	"github.com/bunny-lab-io/borealis-agent/bindings/store"
	"github.com/bunny-lab-io/borealis-agent/bindings/x509"
)

// tried runs tests of a role that keeps a number, prints, and answers.
func tried(t *testing.T, ctx context.Context, tests string) ([]Outcome, error) {
	t.Helper()
	nursery := NewNursery(workerPath)
	defer nursery.Close()
	const role = `ROLE_NAME = "r" ROLE_CONTEXTS = { "system" } ROLE_GRANTS = { "engine", "process" } local Role = {}
function Role:register_events(events)
  events:on("ask", function(ask)
    local n = (store.get("n") or 0) + 1
    assert(store.set("n", n))
    print("n is " .. n)
    if ask.run then process.run({ "true" }) end
    engine.emit("answer", { n = n })
  end)
end
return Role`
	return Trial{
		Workers: nursery, Bindings: []bindings.Binding{process.Binding, store.New(), x509.Binding},
		Carried: []string{"store", "x509"}, Dir: t.TempDir(),
	}.Run(ctx, Suite{
		Role:  contract.Source{File: "role_r.lua", Text: []byte(role)},
		Tests: contract.Source{File: "role_r_test.lua", Text: []byte(tests)},
	})
}

func TestATrialRunsWhereRolesRun(t *testing.T) {
	got, err := tried(t, t.Context(), `function test_first(t)
  t.deliver("ask", {}) t.deliver("ask", {})
  t.equal(t.sent()[2].data, { n = 2 })
end
function test_nothing_is_kept(t) t.deliver("ask", {}) t.equal(t.sent(), { { event = "answer", data = { n = 1 } } }) end
function test_the_machine_is_not_there(t) t.deliver("ask", { run = true }) end
function test_a_stub_is(t)
  t.stub("process.run", function() return { exit_code = 0 } end)
  t.deliver("ask", { run = true })
  t.equal(1, 2)
end`)
	if err != nil || len(got) != 4 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []string{"", "", "it would touch the machine", "role_r_test.lua:10: got 1, want 2"} {
		if p := got[i].Problem; (p == "") != (want == "") || !strings.Contains(p, want) {
			t.Errorf("%s: %q, want %q", got[i].Test, p, want)
		}
	}
	if strings.Join(got[0].Printed, ",") != `"n is 1","n is 2"` {
		t.Errorf("printed %q", got[0].Printed)
	}
}

func TestATrialOfNonsenseIsRefused(t *testing.T) {
	var refused *RefusedError
	if _, err := tried(t, t.Context(), "function test_x(t"); !errors.As(err, &refused) || !strings.Contains(err.Error(), "role_r_test.lua:1:") {
		t.Errorf("%v", err)
	}
}

func TestATrialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := tried(t, ctx, "function test_x(t) t.clock(1e-9) while true do pcall(function() while true do end end) end end"); err == nil {
		t.Error("a test that never ends has ended well")
	}
}

func TestATestThatEatsMemoryKillsItsWorkerOnly(t *testing.T) {
	if got, err := tried(t, t.Context(), `function test_x(t) local s = {} for i = 1, 1e9 do s[i] = { i } end end`); err == nil && got[0].Problem == "" {
		t.Errorf("%+v", got)
	}
}
