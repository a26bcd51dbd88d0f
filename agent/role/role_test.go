package role

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/timer"
)

var workerPath string

func TestMain(m *testing.M) { workertest.Main(m, &workerPath) }

// office is the agent of a test: it keeps what roles emit, and offers one binding.
type office struct {
	t       *testing.T
	emitted chan wire.Result
	lost    chan error
	release chan struct{}

	mu  sync.Mutex
	log strings.Builder
}

func (o *office) Emit(r wire.Result) error {
	o.emitted <- r
	return nil
}

func (o *office) Request(context.Context, string, any, any) error {
	return errors.New("no Engine here")
}

func (o *office) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.Write(p)
}

func (o *office) logged() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.String()
}

// desk is the binding of these tests.
func (o *office) desk() bindings.Binding {
	return bindings.Binding{Name: "desk", Grant: "desk", Open: func(h bindings.Host) (*bindings.Instance, error) {
		return &bindings.Instance{Funcs: map[string]bindings.Func{
			"say":  {Do: func(_ context.Context, v any) error { return h.Emit("said", v) }},
			"hold": {Waits: true, Do: o.hold},
			"soon": {Do: func(_ context.Context, f bindings.Callback) error {
				h.AfterFunc(time.Millisecond, func() { f.Call(context.Background(), "called"); f.Release() })
				return nil
			}},
		}}, nil
	}}
}

func (o *office) hold(ctx context.Context) error {
	select {
	case <-o.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func nursery(tb testing.TB, path string) *Nursery {
	n := NewNursery(path)
	tb.Cleanup(n.Close)
	return n
}

func newOffice(t *testing.T) (*office, Config) {
	o := &office{t: t, emitted: make(chan wire.Result, 1000), lost: make(chan error, 1000), release: make(chan struct{})}
	limits := DefaultLimits()
	limits.Stop = 500 * time.Millisecond
	return o, Config{
		Workers: nursery(t, workerPath), Agent: o, Limits: limits, Bindings: []bindings.Binding{o.desk()},
		Place: func() bindings.Place { return bindings.Place{Context: "system", Hostname: "lab"} },
		Log:   func(name string) *slog.Logger { return slog.New(slog.NewTextHandler(o, nil)).With("role", name) },
		Lost:  func(_ wire.Event, _ string, err error) { o.lost <- err },
	}
}

const head = `ROLE_NAME = "t" ROLE_CONTEXTS = { "system" } ROLE_GRANTS = { "desk" } local Role = {} `

func source(body string) Source {
	return Source{File: "role_t.lua", Text: []byte(head + body + "\nreturn Role"), Lib: func(name string) (contract.Source, error) {
		return contract.Source{}, errors.New("not there")
	}}
}

// on is a role with one handler for the event "go".
func on(handler string) string {
	return "function Role:register_events(events) events:on('go', function(ev) " + handler + " end) end "
}

func start(t *testing.T, cfg Config, body string) *Role {
	t.Helper()
	r, err := Start(t.Context(), cfg, source(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Kill(ErrEnded) })
	return r
}

func deliver(t *testing.T, r *Role, data string) {
	t.Helper()
	if err := r.Deliver(wire.Event{Name: "go", Data: json.RawMessage(data)}); err != nil {
		t.Fatal(err)
	}
}

func TestEventsReachTheRoleInOrder(t *testing.T) {
	o, cfg := newOffice(t)
	r := start(t, cfg, on(`desk.say(ev.n)`))
	for i := range 200 {
		deliver(t, r, fmt.Sprintf(`{"n":%d}`, i))
	}
	for i := range 200 {
		if got := <-o.emitted; string(got.Data) != fmt.Sprint(i) || got.Role != "t" || got.Event != "said" {
			t.Fatalf("result %d: %+v", i, got)
		}
	}
}

func TestAFileThatCannotServeIsRefusedWithEveryReason(t *testing.T) {
	_, cfg := newOffice(t)
	for text, want := range map[string]string{
		"x = = 1":                        "role_t.lua:1",
		"ROLE_NAME = 1 return Role":      "ROLE_CONTEXTS",
		head + "error('no') return Role": "role_t.lua:1: no",
		head + "local x = 1":             "return Role",
		strings.Replace(head, "desk", "dask", 1) + "return Role":          `"dask"`,
		head + `local m = require("lib.absent") return Role`:              "lib.absent",
		head + "function Role:register_events(e) e:on(1) end return Role": "role_t.lua:1",
		head + "desk.hold() return Role":                                  "waits",
		head + "http.get('x') return Role":                                "http",
	} {
		_, err := Start(t.Context(), cfg, Source{File: "role_t.lua", Text: []byte(text), Lib: source("").Lib})
		var refused *RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v, want %q", text, err, want)
		}
	}
}

func TestARoleForAnotherContextIsNotExecuted(t *testing.T) {
	o, cfg := newOffice(t)
	text := `ROLE_NAME = "t" ROLE_CONTEXTS = { "interactive" } print("executed") local Role = {} return Role`
	_, err := Start(t.Context(), cfg, Source{File: "role_t.lua", Text: []byte(text)})
	if !errors.Is(err, ErrOtherContext) || strings.Contains(o.logged(), "executed") {
		t.Fatalf("%v, logged %q", err, o.logged())
	}
}

func TestAFullRoleSaysSo(t *testing.T) {
	o, cfg := newOffice(t)
	cfg.Limits.Waiting, cfg.Limits.UnderWay = 3, 2
	r := start(t, cfg, on(`desk.hold() desk.say(1)`))
	var full int
	for range 50 {
		if err := r.Deliver(wire.Event{Name: "go"}); errors.Is(err, ErrFull) {
			full++
		}
	}
	if full < 44 || r.Health(t.Context()).Full != int64(full) {
		t.Fatalf("%d of 50 refused, health %+v", full, r.Health(t.Context()))
	}
	close(o.release)
	for range 50 - full {
		<-o.emitted
	}
	if !strings.Contains(o.logged(), "event not taken") {
		t.Error(o.logged())
	}
}

func TestADeadWorkerIsNoticedAndItsEventsAreLostAloud(t *testing.T) {
	o, cfg := newOffice(t)
	r := start(t, cfg, on(`desk.say(1) desk.hold()`))
	deliver(t, r, "{}")
	<-o.emitted
	process, _ := os.FindProcess(r.PID())
	process.Kill()
	<-r.Done()
	if err := <-o.lost; err == nil || !strings.Contains(err.Error(), "worker died") {
		t.Fatalf("lost with %v", err)
	}
	if !strings.Contains(r.Err().Error(), "killed") {
		t.Fatal(r.Err())
	}
	if err := r.Deliver(wire.Event{Name: "go"}); !errors.Is(err, ErrDraining) {
		t.Fatal(err)
	}
}

func TestAHandlerThatFailsIsLostWithItsLine(t *testing.T) {
	o, cfg := newOffice(t)
	r := start(t, cfg, on("\nerror('broken')"))
	deliver(t, r, "{}")
	if err := <-o.lost; !strings.Contains(err.Error(), "role_t.lua:2: broken") {
		t.Fatal(err)
	}
	if h := r.Health(t.Context()); h.Failed != 1 || h.Status != "healthy" {
		t.Fatalf("%+v", h)
	}
}

func TestDrainLetsHandlersFinishAndRunsStopAll(t *testing.T) {
	o, cfg := newOffice(t)
	r := start(t, cfg, on(`desk.hold() desk.say("finished")`)+`function Role:stop_all() desk.say("stopped") end`)
	deliver(t, r, "{}")
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(t.Context()) }()
	close(o.release)
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	if a, b := <-o.emitted, <-o.emitted; string(a.Data) != `"finished"` || string(b.Data) != `"stopped"` {
		t.Fatalf("%s, %s", a.Data, b.Data)
	}
}

func TestDrainEndsWhatDoesNotEnd(t *testing.T) {
	o, cfg := newOffice(t)
	r := start(t, cfg, on(`desk.hold()`)+`function Role:stop_all() while true do end end`)
	deliver(t, r, "{}")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := r.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if err := <-o.lost; !errors.Is(err, ErrEnded) {
		t.Fatal(err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/exe", r.PID())); err == nil {
		t.Fatal("the worker is still there")
	}
}

func TestACallbackOutlivesItsHandler(t *testing.T) {
	o, cfg := newOffice(t)
	r := start(t, cfg, on(`desk.soon(function(x) desk.say(x) end)`))
	deliver(t, r, "{}")
	if got := <-o.emitted; string(got.Data) != `"called"` {
		t.Fatalf("%s", got.Data)
	}
}

func TestStateAndConfigurationReachTheRole(t *testing.T) {
	o, cfg := newOffice(t)
	r := start(t, cfg, `function Role:on_config(roles) desk.say(roles) end function Role:save_state() return { n = 1 } end`)
	if err := r.Configure(wire.Event{Name: "agent_config"}, []byte(`[{"role":"t"}]`)); err != nil {
		t.Fatal(err)
	}
	if got := <-o.emitted; string(got.Data) != `[{"role":"t"}]` {
		t.Fatalf("%s", got.Data)
	}
	if state, err := r.State(t.Context()); err != nil || fmt.Sprint(state) != "map[n:1]" {
		t.Fatalf("%v, %v", state, err)
	}
}

func TestPrintIsLogged(t *testing.T) {
	o, cfg := newOffice(t)
	start(t, cfg, `print("hello\nforged line")`)
	if log := o.logged(); !strings.Contains(log, "hello") || strings.Count(log, "\n") != 1 {
		t.Fatalf("%q", log)
	}
}

// TestAWorkerThatSpeaksNonsense runs programs that are no workers at all.
func TestAWorkerThatSpeaksNonsense(t *testing.T) {
	for name, script := range map[string]string{
		"garbage": "#!/bin/sh\necho this is no frame and long enough to be taken for one; cat >/dev/null",
		"huge":    "#!/bin/sh\nprintf '\\377\\377\\377\\377'; cat >/dev/null",
		"leaves":  "#!/bin/sh\necho last words >&2; exit 3",
		"mute":    "#!/bin/sh\ncat >/dev/null",
	} {
		t.Run(name, func(t *testing.T) {
			_, cfg := newOffice(t)
			path := filepath.Join(t.TempDir(), "worker")
			if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			cfg.Workers = nursery(t, path)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if _, err := Start(ctx, cfg, source("")); err == nil {
				t.Fatal("it was taken for a worker")
			}
		})
	}
}

// TestWorkersOutliveTheThreadsOfOthers ends many threads, as a binding that locks one does: no worker may die of it.
func TestWorkersOutliveTheThreadsOfOthers(t *testing.T) {
	_, cfg := newOffice(t)
	var roles []*Role
	for range 20 {
		roles = append(roles, start(t, cfg, ""))
		var threads sync.WaitGroup
		for range 4 {
			threads.Go(runtime.LockOSThread) // never unlocked, so the thread ends with it
		}
		threads.Wait()
	}
	for _, r := range roles {
		if h := r.Health(t.Context()); h.Status != "healthy" {
			t.Fatalf("%+v: %v", h, r.Err())
		}
	}
}

func TestARoleThatCallsInALoopIsHeldBack(t *testing.T) {
	o, cfg := newOffice(t)
	cfg.Limits.Calls = 20
	r := start(t, cfg, on(`
		for i = 1, 1000 do
			local ok, message, code = desk.say(i)
			if not ok then error(code .. ": " .. message) end
		end`))
	deliver(t, r, "{}")
	if err := <-o.lost; !strings.Contains(err.Error(), "limit: more than 20 calls") {
		t.Fatal(err)
	}
}

func TestTicksPastTheirLimitWait(t *testing.T) {
	o, cfg := newOffice(t)
	cfg.Limits.Ticks = 50
	r := start(t, cfg, `function Role:tick() desk.say("tick") end `+on(`for i = 1, 60 do desk.soon(self.tick) end`))
	began := time.Now()
	deliver(t, r, "{}")
	for range 60 {
		<-o.emitted
	}
	if took := time.Since(began); took < 150*time.Millisecond { // ten more than fit at once, 20 ms each
		t.Fatalf("60 ticks took %v", took)
	}
}

func TestARoleThatEmitsWithoutEndIsHeldBack(t *testing.T) {
	o, cfg := newOffice(t)
	cfg.Limits.Output = 3000
	r := start(t, cfg, on(`
		for i = 1, 4 do
			local ok, message, code = desk.say(("x"):rep(1000))
			if not ok then error(code .. ": " .. message) end
		end`))
	deliver(t, r, "{}")
	if err := <-o.lost; !strings.Contains(err.Error(), "limit: more than 2 KiB of results in a minute") {
		t.Fatal(err)
	}
	if len(o.emitted) != 2 {
		t.Fatalf("%d results of a kilobyte and its quotes fit into 3000 bytes", len(o.emitted))
	}
}

func TestARoleThatLogsInALoopIsCutAndSaysSo(t *testing.T) {
	o, cfg := newOffice(t)
	cfg.Limits.Lines = 5
	r := start(t, cfg, on(`for i = 1, 1000 do print(i) end desk.say("done")`))
	deliver(t, r, "{}")
	<-o.emitted
	if n := strings.Count(o.logged(), "\n"); n < 50 || n > 200 {
		t.Fatalf("%d lines of 1000", n)
	}
	time.Sleep(300 * time.Millisecond) // the limit lets another line pass
	deliver(t, r, "{}")
	<-o.emitted
	if !strings.Contains(o.logged(), "the role logs too much: lines were dropped") {
		t.Fatal("the drop is not said")
	}
}

func TestARoleThatLogsInALoopHidesNoneOfItsFailures(t *testing.T) {
	o, cfg := newOffice(t)
	cfg.Limits.Lines = 5
	r := start(t, cfg, "function Role:fail() error('again') end "+
		on(`for i = 1, 1000 do print(i) end for i = 1, 60 do desk.soon(self.fail) end desk.hold() error("found out")`))
	deliver(t, r, `{}`)
	for r.counts.failed.Load() < 60 {
		time.Sleep(time.Millisecond)
	}
	close(o.release)
	<-o.lost
	if all := o.logged(); !strings.Contains(all, "role_t.lua:1: found out") || strings.Contains(all, "msg=999 ") {
		t.Error(all)
	}
}

// TestARoleThatMakesItselfDeafIsNamedAndHearsItsEvents starts more timers than their functions can ever run.
func TestARoleThatMakesItselfDeafIsNamedAndHearsItsEvents(t *testing.T) {
	o, cfg := newOffice(t)
	cfg.Bindings = append(cfg.Bindings, timer.Binding)
	r := start(t, cfg, on(`desk.say(1)`)+"\nlocal function tick()\ntimer.sleep(0.5) end\nfor i = 1, 300 do timer.every(0.01, tick) end")
	for r.counts.busy.Load() == nil {
		time.Sleep(time.Millisecond)
	}
	deliver(t, r, "{}")
	select {
	case <-o.emitted:
	case err := <-o.lost:
		t.Fatal(err)
	}
	if h := r.Health(t.Context()); h.Status != "unhealthy" || !strings.HasPrefix(h.Detail, "role_t.lua:2: too many calls are under way") {
		t.Errorf("%+v", h)
	}
	if !strings.Contains(o.logged(), "role_t.lua:2: too many calls") {
		t.Errorf("log: %s", o.logged())
	}
}

func TestAGrantWithoutANameIsRefused(t *testing.T) {
	_, cfg := newOffice(t)
	src := source("")
	src.Text = []byte(strings.Replace(string(src.Text), `{ "desk" }`, `{ "" }`, 1))
	cfg.Bindings = append(cfg.Bindings, bindings.Binding{Name: "harmless", Open: func(bindings.Host) (*bindings.Instance, error) {
		return &bindings.Instance{}, nil
	}})
	if _, err := Start(t.Context(), cfg, src); err == nil || !strings.Contains(err.Error(), `names ""`) {
		t.Fatal(err)
	}
}

func TestAVersionWhoseFirstHandlersAllFailIsUseless(t *testing.T) {
	o, cfg := newOffice(t)
	r := start(t, cfg, on(`if ev.fail then error("x") end desk.say(1)`))
	for range firstFailures {
		deliver(t, r, `{"fail":true}`)
	}
	<-r.Useless()
	r = start(t, cfg, on(`if ev.fail then error("x") end desk.say(1)`))
	deliver(t, r, `{}`)
	<-o.emitted
	for r.Health(t.Context()).Handled == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 2 * firstFailures {
		deliver(t, r, `{"fail":true}`)
	}
	deliver(t, r, `{}`)
	<-o.emitted
	select {
	case <-r.Useless():
		t.Fatal("a version that has served is useless")
	default:
	}
}
