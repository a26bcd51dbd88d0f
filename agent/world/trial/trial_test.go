package trial

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/engine"
	"github.com/bunny-lab-io/borealis-agent/bindings/process"
	"github.com/bunny-lab-io/borealis-agent/bindings/store"
	"github.com/bunny-lab-io/borealis-agent/bindings/timer"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// suite is a role that sleeps before it answers, with one test.
func suite(test string) Suite {
	role := `ROLE_NAME = "r" ROLE_CONTEXTS = { "system" } ROLE_GRANTS = { "engine", "process" } local Role = {}
function Role:register_events(events)
  events:on("ask", function(ask)
    for _ = 1, ask.times or 1 do if ask.sleep then timer.sleep(ask.sleep) end end
    if ask.run then process.run({ "true" }) end
    if ask.fail then error("asked to") end
    engine.emit("answer", { n = ask.n })
  end)
end
return Role`
	return Suite{
		Role:     contract.Source{File: "role_r.lua", Text: []byte(role)},
		Tests:    contract.Source{File: "role_r_test.lua", Text: []byte("function test_it(t)\n" + test + "\nend")},
		Bindings: []bindings.Binding{engine.Binding, timer.Binding, process.Binding},
	}
}

func TestWhatHoldsPasses(t *testing.T) {
	for _, test := range []string{
		`t.deliver("ask", { n = 1 }) t.equal(t.sent(), { { event = "answer", data = { n = 1 } } })`,
		`t.deliver("ask", { n = 1, sleep = 5 }) t.equal(t.sent(), {}) t.clock(4.9) t.equal(t.sent(), {}) t.clock(0.2) t.equal(#t.sent(), 1)`,
		`t.deliver("ask", { n = 1, sleep = 5, times = 20 }) t.clock(99) t.equal(t.sent(), {}) t.clock(1) t.equal(#t.sent(), 1)`,
		`local seen = 0 timer.after(1, function() timer.sleep(1) seen = seen + 1 end) t.clock(1.9) t.equal(seen, 0) t.clock(0.2) t.equal(seen, 1)`,
		`t.stub("process.run", function(argv) t.equal(argv, { "true" }) return {} end) t.deliver("ask", { run = true }) t.equal(#t.sent(), 1)`,
		`t.raises(function() t.deliver("ask", { fail = true }) end, "asked to")`,
		`t.match("tern-7", "^tern-[0-9]$")`,
		`local seen = 0 timer.every(10, function() seen = seen + 1 end) t.clock(35) t.equal(seen, 3)`,
		`t.deliver("ask", { n = 1, sleep = 5 })`,                                      // an event that is still asleep at the end is let go,
		`timer.after(1, function() while true do timer.sleep(60) end end) t.clock(5)`, // and so is what a timer has begun
	} {
		if _, err := suite(test).Run("test_it", t.TempDir()); err != nil {
			t.Errorf("%s\n%v", test, err)
		}
	}
}

func TestWhatDoesNotHoldFailsAtItsLine(t *testing.T) {
	for test, want := range map[string]string{
		`t.equal(1, 2)`:                                 "role_r_test.lua:2: got 1, want 2",
		`t.equal({ a = {} }, { a = { 1 } })`:            "role_r_test.lua:2: got",
		`t.match("a", "b")`:                             "role_r_test.lua:2:",
		`t.raises(function() end)`:                      "nothing was raised",
		`t.deliver("ask", { run = true })`:              "it would touch the machine",
		`t.deliver("ask", { fail = true })`:             "asked to",
		`t.stub("process.runn", function() end)`:        `"process.runn"`,
		`t.stub("http.get", function() end)`:            `"http.get"`,
		`t.run("inner", function(t) t.equal(1, 2) end)`: "inner: role_r_test.lua:2: got 1, want 2",
		`undeclared = 1 local x = undeclerad`:           "undeclerad",
		`t.run("a", function() t.nothing() end)`:        "a: role_r_test.lua:2:",
	} {
		_, err := suite(test).Run("test_it", t.TempDir())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v, want %q", test, err, want)
		}
	}
}

func TestTestsRunInTheOrderOfTheFile(t *testing.T) {
	s := suite("")
	s.Tests.Text = []byte("function test_z() end\nfunction helper() end\nfunction test_a() end\nlocal x = 1\nfunction test_m() end")
	names, err := s.Names()
	if err != nil || fmt.Sprint(names) != "[test_z test_a test_m]" {
		t.Fatalf("%v, %v", names, err)
	}
}

func TestNoTestMeetsWhatAnotherKept(t *testing.T) {
	s := suite("")
	s.Bindings = append(s.Bindings, store.New())
	s.Role.Text = []byte(`ROLE_NAME = "r" ROLE_CONTEXTS = { "system" } local Role = {}
function Role:register_events(events) events:on("keep", function()
	assert(store.get("k") == nil and store.set("k", true))
end) end
return Role`)
	s.Tests.Text = []byte("function test_it(t) t.deliver('keep', {}) end")
	for range 2 {
		if _, err := s.Run("test_it", t.TempDir()); err != nil {
			t.Error(err)
		}
	}
}

// What an editor is told of t is what t has.
func TestTheFaceOfTestsIsTrue(t *testing.T) {
	face, err := os.ReadFile("../../../luaroles/types/test.lua")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, m := range regexp.MustCompile(`(?m)^function Test\.(\w+)\(`).FindAllStringSubmatch(string(face), -1) {
		told = append(told, m[1])
	}
	slices.Sort(told)
	_, err = suite(`local names = {} for name in pairs(t) do names[#names + 1] = name end table.sort(names) error(table.concat(names, " "))`).Run("test_it", t.TempDir())
	if want := ": " + strings.Join(told, " "); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("t has %v; told are%s", err, want)
	}
}
