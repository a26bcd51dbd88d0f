package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is the core of a test: a module "desk" whose functions do what tests need, and a list of all that was said.
type desk struct {
	mu      sync.Mutex
	said    []string
	printed []string
	held    []contract.FuncRef
	saw     func(any)     // is shown what is said
	enough  func() bool   // answers "desk.enough"
	release chan struct{} // "desk.hold" waits for it
}

var deskModule = bindings.Module{
	Name:    "desk",
	Funcs:   map[string]bool{"say": false, "rest": true, "hold": true, "refuse": false, "scold": false, "keep": false, "enough": false, "open": false, "echo": false},
	Handles: map[string]bindings.Methods{"desk.Drawer": {"look": false, "close": true}},
}

func (d *desk) Print(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.printed = append(d.printed, line)
}

func (d *desk) Do(ctx context.Context, c bindings.Call) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch c.Func {
	case "say":
		if d.saw != nil {
			d.saw(c.Args[0])
		}
		d.said = append(d.said, fmt.Sprint(c.Args...))
		return true, nil
	case "rest", "hold":
		return d.wait(ctx, c)
	case "enough":
		return d.enough(), nil
	case "refuse":
		return nil, &ipc.Failure{Code: "denied", Message: "the desk says no"}
	case "scold":
		return nil, &ipc.Failure{Message: "that is no way to ask", Misuse: true}
	case "keep":
		d.held = append(d.held, c.Args[0].(contract.FuncRef))
		return true, nil
	case "open":
		return bindings.Ref{ID: 7, Type: "desk.Drawer"}, nil
	case "look":
		return fmt.Sprint("drawer ", c.Ref), nil
	case "echo":
		return c.Args[0], nil
	}
	return nil, nil
}

func (d *desk) wait(ctx context.Context, c bindings.Call) (any, error) {
	d.mu.Unlock()
	defer d.mu.Lock()
	released := d.release
	var done <-chan time.Time
	if c.Func == "rest" {
		released, done = nil, time.After(time.Millisecond)
	}
	select {
	case <-done:
	case <-released:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if len(c.Args) > 0 {
		return c.Args[0], nil
	}
	return true, nil
}

func (d *desk) heard() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.said, " ")
}

const head = `ROLE_NAME = "t" ROLE_CONTEXTS = { "system" } local Role = {} `

// load makes a world of a role's body and loads it.
func load(t *testing.T, d *desk, body string, change ...func(*contract.Setup, *Limits)) (*World, contract.Loaded) {
	t.Helper()
	d.release = make(chan struct{})
	setup := contract.Setup{
		Source:  contract.Source{File: "role_t.lua", Text: []byte(head + body + "\nreturn Role")},
		Place:   bindings.Place{Hostname: "lab", Context: "system"},
		Modules: []bindings.Module{deskModule, {Name: "locked", Denied: "missing grant: add \"locked\""}},
	}
	limits := DefaultLimits()
	for _, f := range change {
		f(&setup, &limits)
	}
	w, err := New(d, setup, nil, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, w.Load(t.Context())
}

// serving is load for a role that must come to life.
func serving(t *testing.T, d *desk, body string, change ...func(*contract.Setup, *Limits)) *World {
	t.Helper()
	w, loaded := load(t, d, body, change...)
	if len(loaded.Problems) > 0 {
		t.Fatalf("problems: %v", loaded.Problems)
	}
	return w
}

// on is a role with one handler for the event "go".
func on(handler string) string {
	return "function Role:register_events(events) events:on('go', function(ev) " + handler + " end) end"
}

func fire(t *testing.T, w *World, data string) error {
	t.Helper()
	return w.Event(t.Context(), w.baton.queue(), contract.Happening{Name: "go", Data: []byte(data)})
}

func TestARoleSaysWhatItWants(t *testing.T) {
	_, loaded := load(t, &desk{}, `function Role:register_events(e) e:on("a", print) e:on("b", print) e:on("a", print) end`)
	if len(loaded.Events) != 2 || len(loaded.Problems) != 0 {
		t.Fatalf("%+v", loaded)
	}
}

func TestWaitingWorksEverywhere(t *testing.T) {
	for name, handler := range map[string]string{
		"pcall":     `local ok, v = pcall(function() desk.rest() return desk.rest(1) end) desk.say(tostring(ok), v)`,
		"coroutine": `for i in coroutine.wrap(function() for i = 1, 3 do desk.rest() coroutine.yield(i) end end) do desk.say(i) end`,
		"sort":      `local t = {3, 1, 2} table.sort(t, function(a, b) desk.rest() return a < b end) desk.say(table.concat(t, ","))`,
		"metatable": `local t = setmetatable({}, {__index = function(_, k) desk.rest() return k end}) desk.say(t.x)`,
		"gsub":      `desk.say((("a b"):gsub("%a", function(c) desk.rest() return c:upper() end)))`,
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{}
			w := serving(t, d, on(handler))
			var events sync.WaitGroup
			for range 20 {
				events.Go(func() {
					if err := fire(t, w, "{}"); err != nil {
						t.Error(err)
					}
				})
			}
			events.Wait()
			want := map[string]string{"pcall": "true1", "coroutine": "", "sort": "1,2,3", "metatable": "x", "gsub": "A B"}[name]
			if got := d.heard(); strings.Count(got, want) < 20 {
				t.Fatalf("heard %q", got)
			}
		})
	}
}

func TestBetweenTwoWaitsNothingElseRuns(t *testing.T) {
	d := &desk{}
	w := serving(t, d, `local inside = 0 `+on(`
		for _ = 1, 20 do
			inside = inside + 1
			for _ = 1, 100 do if inside ~= 1 then error("somebody is here") end end
			inside = inside - 1
			desk.rest()
		end`))
	var events sync.WaitGroup
	for range 8 {
		events.Go(func() {
			if err := fire(t, w, "{}"); err != nil {
				t.Error(err)
			}
		})
	}
	events.Wait()
}

func TestEventsStartInOrder(t *testing.T) {
	d := &desk{}
	w := serving(t, d, on(`desk.say(ev.n)`))
	first := w.baton.queue() // whoever holds the baton lets all others line up
	var events sync.WaitGroup
	want := ""
	for i := range 50 {
		p := w.baton.queue()
		want = strings.TrimSpace(fmt.Sprint(want, " ", i))
		events.Go(func() { w.Event(t.Context(), p, contract.Happening{Name: "go", Data: fmt.Appendf(nil, `{"n":%d}`, i)}) })
	}
	w.baton.wait(t.Context(), first)
	w.baton.pass()
	events.Wait()
	if got := d.heard(); got != want {
		t.Fatalf("heard %q", got)
	}
}

func TestAnEventThatWaitsKeepsNoOther(t *testing.T) {
	d := &desk{}
	w := serving(t, d, on(`if ev.slow then desk.hold() end desk.say(tostring(ev.slow))`))
	slow := make(chan error, 1)
	go func() { slow <- fire(t, w, `{"slow":true}`) }()
	if err := fire(t, w, `{"slow":false}`); err != nil || d.heard() != "false" {
		t.Fatalf("%v, heard %q", err, d.heard())
	}
	close(d.release)
	if err := <-slow; err != nil {
		t.Fatal(err)
	}
}

func TestAnEventThatRunsTooLongIsNamedAndEnds(t *testing.T) {
	d := &desk{}
	quick := func(_ *contract.Setup, l *Limits) { l.Processor = 50 * time.Millisecond }
	w := serving(t, d, on("if ev.spin then while true do end end\ndesk.say('well')"), quick)
	err := fire(t, w, `{"spin":true}`)
	if !errors.Is(err, ErrBusy) || !strings.HasPrefix(err.Error(), "role_t.lua:1:") {
		t.Fatal(err)
	}
	if err := fire(t, w, `{}`); err != nil || d.heard() != "well" {
		t.Fatalf("the next event: %v, heard %q", err, d.heard())
	}
}

func TestACancelledEventEndsWhereItWaits(t *testing.T) {
	w := serving(t, &desk{}, on(`desk.hold()`))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := w.Event(ctx, w.baton.queue(), contract.Happening{Name: "go"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestWhatTheWorldRefusesIsReturned(t *testing.T) {
	d := &desk{}
	w := serving(t, d, on(`local v, message, code = desk.refuse() desk.say(tostring(v), "|", message, "|", code)`))
	if err := fire(t, w, "{}"); err != nil || d.heard() != "nil|the desk says no|denied" {
		t.Fatalf("%v, heard %q", err, d.heard())
	}
}

func TestTheAuthorsMistakesAreRaisedAtTheirLine(t *testing.T) {
	for call, want := range map[string]string{
		"desk.scold()":                       "desk.scold: that is no way to ask",
		"desk.say({1, x = 2})":               "either a list or named entries",
		"desk.say({[true] = 1})":             "the key true of a table is no string",
		"local t = {} t.t = t desk.say(t)":   "contains itself",
		"desk.say({ f = print })":            "a function does not fit here",
		"desk.say(coroutine.create(print))":  "a thread cannot be an argument",
		"locked.open()":                      "missing grant",
		"local d = desk.open() d.look()":     "userdata expected",
		"local d = desk.open() d.look(json)": "json",
	} {
		t.Run(call, func(t *testing.T) {
			w := serving(t, &desk{}, on("\n"+call))
			err := fire(t, w, "{}")
			if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "role_t.lua:2:") {
				t.Fatalf("got %v, want %q at line 2", err, want)
			}
		})
	}
}

func TestWaitingWhileLoadingIsAMistake(t *testing.T) {
	_, loaded := load(t, &desk{}, "\ndesk.rest()")
	if len(loaded.Problems) != 1 || !strings.HasPrefix(loaded.Problems[0], "role_t.lua:2: desk.rest: waits") {
		t.Fatalf("%q", loaded.Problems)
	}
}

func TestValuesKeepTheirShape(t *testing.T) {
	for _, want := range []string{
		`{"list":[],"object":{},"deep":[[1,2],{"a":[]}]}`, `{"holes":[1,null,3]}`, `{"text":"zażółć 😀","n":1.5,"yes":true}`,
	} {
		d := &desk{}
		w := serving(t, d, on(`desk.say(ev)`), func(s *contract.Setup, _ *Limits) {
			s.Modules = []bindings.Module{{Name: "desk", Funcs: map[string]bool{"say": false}}}
		})
		var got any
		d.saw = func(v any) { got = v }
		if err := fire(t, w, want); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		json.Unmarshal(text, &a)
		json.Unmarshal([]byte(want), &b)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("sent %s, came back as %s", want, text)
		}
	}
}

func TestAHandleHasItsMethods(t *testing.T) {
	d := &desk{}
	w := serving(t, d, on(`local drawer = desk.open() desk.say(drawer:look(), " ", tostring(drawer))`))
	if err := fire(t, w, "{}"); err != nil || d.heard() != "drawer 7 desk.Drawer" {
		t.Fatalf("%v, heard %q", err, d.heard())
	}
}

func TestABindingCallsBack(t *testing.T) {
	d := &desk{}
	w := serving(t, d, on(`desk.keep(function(x) desk.rest() desk.say("called ", x) end)`))
	if err := fire(t, w, "{}"); err != nil {
		t.Fatal(err)
	}
	inv := contract.Invocation{Func: d.held[0].ID, Args: []any{"back"}}
	if err := w.Callback(t.Context(), w.baton.queue(), inv); err != nil || d.heard() != "called back" {
		t.Fatalf("%v, heard %q", err, d.heard())
	}
	inv.Release = true
	if err := w.Callback(t.Context(), w.baton.queue(), inv); err != nil {
		t.Fatal(err)
	}
	inv.Release = false
	if err := w.Callback(t.Context(), w.baton.queue(), inv); err == nil {
		t.Fatal("a released function ran")
	}
}

func TestEventsOffersOnAndNothingElse(t *testing.T) {
	for body, want := range map[string]string{
		`function Role:register_events(e) e.world = 1 end`:                                   "world",
		`function Role:register_events(e) e:On("x", print) end`:                              "",
		`local kept function Role:register_events(e) kept = e end ` + `Role.late = 1`:        "-",
		`function Role:register_events(e) local m = getmetatable(e) if m then m.x() end end`: "-",
	} {
		_, loaded := load(t, &desk{}, body)
		if want != "-" && len(loaded.Problems) == 0 {
			t.Errorf("%s: loaded", body)
		}
	}
	d := &desk{}
	w := serving(t, d, `local kept function Role:register_events(e) kept = e e:on("go", function() kept:on("x", print) end) end`)
	if err := fire(t, w, "{}"); err == nil || !strings.Contains(err.Error(), "register_events") {
		t.Fatal(err)
	}
}

func TestTheNextVersionKnowsWhatTheLastOneSaved(t *testing.T) {
	d := &desk{}
	w := serving(t, d, `function Role:save_state() return { n = (self.ctx.state or { n = 0 }).n + 1 } end`)
	state, err := w.State(t.Context(), w.baton.queue())
	if err != nil {
		t.Fatal(err)
	}
	w = serving(t, d, `function Role:save_state() return { n = self.ctx.state.n + 1 } end`,
		func(s *contract.Setup, _ *Limits) { s.State = state })
	if state, err = w.State(t.Context(), w.baton.queue()); err != nil || state.(map[string]any)["n"] != 2.0 {
		t.Fatalf("%v, %v", state, err)
	}
}

func TestAHelperRunsOnce(t *testing.T) {
	d := &desk{}
	lib := func(s *contract.Setup, _ *Limits) {
		s.Libs = []contract.Source{{File: "lib/a.lua", Text: []byte(`desk.say("ran") return { v = 1 }`)}}
	}
	serving(t, d, `local a, b = require("lib.a"), require("lib.a") if a ~= b then error("two") end`, lib)
	if d.heard() != "ran" {
		t.Fatalf("heard %q", d.heard())
	}
}

func TestHooksRunAndMayBeMissing(t *testing.T) {
	d := &desk{}
	w := serving(t, d, `
		function Role:on_config(roles) desk.say(#roles, roles[1].node_id) end
		function Role:stop_all() desk.say("stopped") end
		function Role:health_report() return { status = "recovering", detail = "soon" } end`)
	if err := w.Config(t.Context(), w.baton.queue(), []byte(`[{"node_id":"n-1"}]`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Stop(t.Context(), w.baton.queue()); err != nil {
		t.Fatal(err)
	}
	report, err := w.Health(t.Context(), w.baton.queue())
	if err != nil || report != (contract.Report{Status: "recovering", Detail: "soon"}) || d.heard() != "1n-1 stopped" {
		t.Fatalf("%+v, %v, heard %q", report, err, d.heard())
	}
	w = serving(t, d, "")
	if report, err = w.Health(t.Context(), w.baton.queue()); err != nil || report.Status != "healthy" {
		t.Fatalf("%+v, %v", report, err)
	}
}

func TestTheVerifiedBytesArriveAsTheyAre(t *testing.T) {
	d := &desk{}
	w := serving(t, d, on(`desk.say(#ev.script, " ", ev.script:byte(1), " ", ev.script:byte(2))`))
	err := w.Event(t.Context(), w.baton.queue(), contract.Happening{
		Name: "go", Data: json.RawMessage(`{"job_id":1}`), Bytes: map[string][]byte{"script": {0xff, 0x00, 'x'}},
	})
	if err != nil || d.heard() != "3 255 0" {
		t.Fatalf("%v, heard %q", err, d.heard())
	}
}
