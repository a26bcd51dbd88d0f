package timer

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// function stands for a role's Lua function, and insists on the rules that a binding has to keep with it.
type function struct {
	t        *testing.T
	body     func(ctx context.Context)
	calls    atomic.Int32
	running  atomic.Bool
	released atomic.Int32
}

func (f *function) Call(ctx context.Context, _ ...any) error {
	if !f.running.CompareAndSwap(false, true) {
		f.t.Error("the function overlaps itself")
	}
	defer f.running.Store(false)
	if f.released.Load() != 0 {
		f.t.Error("called after it was released")
	}
	f.calls.Add(1)
	if f.body != nil {
		f.body(ctx)
	}
	return errors.New("the function went wrong, which is its own affair")
}

func (f *function) Release() {
	if f.running.Load() {
		f.t.Error("released while it runs")
	}
	f.released.Add(1)
}

// check says how often the function ran and was released by now.
func (f *function) check(calls, released int32) {
	f.t.Helper()
	if c, r := f.calls.Load(), f.released.Load(); c != calls || r != released {
		f.t.Errorf("called %d times and released %d, want %d and %d", c, r, calls, released)
	}
}

// role is one role with the module open.
type role struct {
	t    *testing.T
	host *hosttest.Host
	set  *bindings.Set
}

func newRole(t *testing.T) *role {
	host := hosttest.New(t.TempDir())
	set, err := bindings.Open(host, []bindings.Binding{Binding}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return &role{t, host, set}
}

func (r *role) call(fn string, args ...any) (any, error) {
	return r.set.Call(r.t.Context(), bindings.Call{Module: "timer", Func: fn, Args: args})
}

func (r *role) start(fn string, seconds float64, f *function) bindings.Ref {
	r.t.Helper()
	v, err := r.call(fn, seconds, f)
	if err != nil {
		r.t.Fatal(err)
	}
	return v.(bindings.Ref)
}

// on calls a method of a timer.
func (r *role) on(ref bindings.Ref, method string) any {
	r.t.Helper()
	v, err := r.set.Call(r.t.Context(), bindings.Call{Module: "timer", Ref: ref.ID, Func: method})
	if err != nil {
		r.t.Error(err)
	}
	return v
}

func code(err error) string {
	var failed *bindings.Error
	var wrong *bindings.Misuse
	switch {
	case errors.As(err, &failed):
		return failed.Code
	case errors.As(err, &wrong):
		return "misuse"
	}
	return ""
}

func TestAfterRunsOnce(t *testing.T) {
	r := newRole(t)
	f := &function{t: t}
	ref := r.start("after", 1.5, f)
	r.host.Advance(1499 * time.Millisecond)
	f.check(0, 0)
	r.host.Advance(time.Millisecond)
	f.check(1, 1)
	r.host.Advance(time.Hour)
	f.check(1, 1)
	if got := r.on(ref, "cancel"); got != false {
		t.Errorf("cancel of what has run = %v", got)
	}
	if open := r.set.Open(); len(open) != 0 {
		t.Errorf("a timer that has run is still open: %v", open)
	}
}

func TestEveryKeepsTheBeat(t *testing.T) {
	r := newRole(t)
	f := &function{t: t}
	ref := r.start("every", 10, f)
	r.host.Advance(25 * time.Second)
	f.check(2, 0)
	r.host.Advance(5 * time.Second)
	f.check(3, 0)
	if got := r.on(ref, "cancel"); got != true {
		t.Errorf("cancel = %v", got)
	}
	f.check(3, 1)
	r.host.Advance(time.Minute)
	if got := r.on(ref, "cancel"); got != false {
		t.Errorf("a second cancel = %v", got)
	}
	r.on(ref, "close")
	f.check(3, 1)
}

func TestEveryNeverOverlapsItself(t *testing.T) {
	r := newRole(t)
	began, let := make(chan struct{}), make(chan struct{})
	f := &function{t: t, body: func(context.Context) { began <- struct{}{}; <-let }}
	ref := r.start("every", 1, f)
	var slow sync.WaitGroup
	slow.Go(func() { r.host.Advance(time.Second) })
	<-began
	r.host.Advance(2 * time.Second)
	f.check(1, 0)
	if got := r.on(ref, "skipped"); got != 2.0 {
		t.Errorf("skipped = %v", got)
	}
	let <- struct{}{}
	slow.Wait()
	slow.Go(func() { r.host.Advance(time.Second) })
	<-began
	f.check(2, 0)
	if got := r.on(ref, "cancel"); got != true {
		t.Errorf("cancel while it runs = %v", got)
	}
	f.check(2, 0) // not before it has returned
	let <- struct{}{}
	slow.Wait()
	f.check(2, 1)
}

// lateHost fires its timers by hand, at any time.
type lateHost struct {
	bindings.Host
	now  time.Time
	wait time.Duration
	f    func()
}

func (h *lateHost) Now() time.Time { return h.now }

func (h *lateHost) AfterFunc(d time.Duration, f func()) func() bool {
	h.wait, h.f = d, f
	return func() bool { return true }
}

func TestATickThatComesLate(t *testing.T) {
	h := &lateHost{now: time.Unix(1000, 0)}
	instance, err := open(h)
	if err != nil {
		t.Fatal(err)
	}
	f := &function{t: t}
	handle, err := instance.Funcs["every"].Do.(func(context.Context, time.Duration, bindings.Callback) (bindings.Handle, error))(t.Context(), 10*time.Second, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, tick := range []struct {
		at, wait time.Duration // since the start; until the next tick
		skipped  int
	}{
		{10 * time.Second, 10 * time.Second, 0},
		{21 * time.Second, 9 * time.Second, 0},
		{3605 * time.Second, 5 * time.Second, 357}, // the machine slept; due were 30, 40, ... 3600
	} {
		h.now = time.Unix(1000, 0).Add(tick.at)
		h.f()
		if got := handle.Value.(*timer).ticksSkipped(); h.wait != tick.wait || got != tick.skipped {
			t.Errorf("at %v: the next tick in %v, %d skipped; want %v, %d", tick.at, h.wait, got, tick.wait, tick.skipped)
		}
	}
	f.check(3, 0)
	if err := instance.Close(); err != nil {
		t.Error(err)
	}
	h.f() // a clock that could not be stopped in time
	f.check(3, 1)
}

func TestAFunctionMayEndItsOwnTimer(t *testing.T) {
	for _, method := range []string{"cancel", "close"} {
		t.Run(method, func(t *testing.T) {
			r := newRole(t)
			var ref bindings.Ref
			f := &function{t: t}
			f.body = func(context.Context) { r.on(ref, method) }
			ref = r.start("every", 1, f)
			r.host.Advance(time.Minute)
			f.check(1, 1)
		})
	}
}

func TestTimersAreBounded(t *testing.T) {
	r := newRole(t)
	all := make([]*function, maxTimers)
	for i := range all {
		all[i] = &function{t: t}
		r.start("after", 1, all[i])
	}
	late := &function{t: t}
	if _, err := r.call("after", 1.0, late); code(err) != "limit" {
		t.Errorf("one more than the limit: %v", err)
	}
	late.check(0, 1)
	r.host.Advance(time.Second)
	for _, f := range all {
		f.check(1, 1)
	}
	for range 2 * bindings.MaxHandles { // timers that have run need no closing
		f := &function{t: t}
		r.start("after", 0, f)
		r.host.Advance(0)
		f.check(1, 1)
	}
}

func TestMisuse(t *testing.T) {
	r := newRole(t)
	for _, c := range []struct {
		fn   string
		args []any
		says string
	}{
		{"every", []any{0.009}, "0.009 seconds is less than 0.01"},
		{"every", []any{-1.0}, "out of range"},
		{"after", []any{"soon"}, "number of seconds expected, got string"},
	} {
		f := &function{t: t}
		if _, err := r.call(c.fn, append(c.args, f)...); code(err) != "misuse" || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s%v: %v, want %s", c.fn, c.args, err, c.says)
		}
		f.check(0, 1)
	}
	if _, err := r.call("after", 1.0); code(err) != "misuse" {
		t.Errorf("without a function: %v", err)
	}
}

func TestClosingWaitsForWhatRuns(t *testing.T) {
	r := newRole(t)
	began := make(chan struct{})
	var ended atomic.Bool
	busy := &function{t: t, body: func(ctx context.Context) {
		close(began)
		<-ctx.Done()
		ended.Store(true)
	}}
	idle := &function{t: t}
	r.start("every", 1, busy)
	r.start("every", 5, idle)
	var clock sync.WaitGroup
	clock.Go(func() { r.host.Advance(time.Second) })
	<-began
	if err := r.set.Close(); err != nil {
		t.Error(err)
	}
	if !ended.Load() {
		t.Error("closed while a function was still running")
	}
	clock.Wait()
	r.host.Advance(time.Minute)
	busy.check(1, 1)
	idle.check(0, 1)
	late := &function{t: t}
	if _, err := r.call("after", 1.0, late); code(err) != "cancelled" {
		t.Errorf("a timer after the end: %v", err)
	}
	late.check(0, 1)
}

func TestATimerThatRunsForTheLastTimeIsNotLeftOpen(t *testing.T) {
	r := newRole(t)
	began, done := make(chan struct{}), make(chan struct{})
	last := &function{t: t, body: func(context.Context) { close(began); <-done }}
	r.start("after", 1, last)
	r.start("every", 60, &function{t: t})
	var clock sync.WaitGroup
	clock.Go(func() { r.host.Advance(time.Second) })
	<-began
	if left := r.set.Left(); len(left) != 1 || left[0] != "1 timer.Timer" || r.set.Open()[handleType] != 2 {
		t.Errorf("left %q, open %v", left, r.set.Open())
	}
	close(done)
	clock.Wait()
}

func TestSleep(t *testing.T) {
	type outcome struct {
		v   any
		err error
	}
	sleeping := func(t *testing.T, ctx context.Context) (*role, chan outcome) {
		r := newRole(t)
		done := make(chan outcome, 1)
		armed := make(chan struct{})
		set, err := bindings.Open(armedHost{r.host, armed}, []bindings.Binding{Binding}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.set = set
		go func() {
			v, err := set.Call(ctx, bindings.Call{Module: "timer", Func: "sleep", Args: []any{2.0}})
			done <- outcome{v, err}
		}()
		<-armed
		return r, done
	}
	t.Run("its time passes", func(t *testing.T) {
		r, done := sleeping(t, t.Context())
		r.host.Advance(2 * time.Second)
		if got := <-done; got.v != true || got.err != nil {
			t.Errorf("%+v", got)
		}
	})
	t.Run("the event ends first", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, done := sleeping(t, ctx)
		cancel()
		if got := <-done; code(got.err) != "cancelled" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("the event's time is up first", func(t *testing.T) {
		ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
		defer cancel()
		_, done := sleeping(t, ctx)
		if got := <-done; code(got.err) != "timeout" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("the role ends first", func(t *testing.T) {
		r, done := sleeping(t, t.Context())
		if err := r.set.Close(); err != nil {
			t.Error(err)
		}
		if got := <-done; code(got.err) != "cancelled" {
			t.Errorf("%+v", got)
		}
	})
}

// armedHost says when a timer has been armed.
type armedHost struct {
	*hosttest.Host
	armed chan struct{}
}

func (h armedHost) AfterFunc(d time.Duration, f func()) func() bool {
	defer close(h.armed)
	return h.Host.AfterFunc(d, f)
}

// TestOnARealClock races ticks, cancels and the end against each other, for the race detector and for the rules that
// function insists on.
func TestOnARealClock(t *testing.T) {
	set, err := bindings.Open(realHost{hosttest.New(t.TempDir())}, []bindings.Binding{Binding}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &role{t: t, set: set}
	var all []*function
	ticked := make(chan struct{}, 1)
	for i := range 200 {
		f := &function{t: t, body: func(context.Context) {
			select {
			case ticked <- struct{}{}:
			default:
			}
		}}
		all = append(all, f)
		if i%2 == 0 {
			r.start("after", float64(i)/1000, f)
			continue
		}
		ref := r.start("every", 0.01, f)
		if i%4 == 1 {
			<-ticked
			r.on(ref, "cancel")
		}
	}
	if err := set.Close(); err != nil {
		t.Error(err)
	}
	for _, f := range all {
		f.check(f.calls.Load(), 1)
	}
}

type realHost struct{ *hosttest.Host }

func (realHost) Now() time.Time { return time.Now() }

func (realHost) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
