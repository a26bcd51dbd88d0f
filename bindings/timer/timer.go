// Package timer is the Lua module timer: a role's functions run later, once or again and again. It promises that a
// function never overlaps itself, is let go of exactly once, and does not outlive its role. It is not for the time of
// day: what must happen at a certain hour asks the Engine.
package timer

import (
	"context"
	_ "embed"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

const (
	// maxTimers is how many timers of a role may run at a time.
	maxTimers = 1000
	// minPeriod keeps a role from spending its whole life on ticks.
	minPeriod = 10 * time.Millisecond
	// handleType is the class of what after and every return.
	handleType = "timer.Timer"
)

//go:embed timer.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{Name: "timer", Face: face, Core: true, Open: open, Handles: []bindings.HandleType{{
	Name: handleType,
	Methods: map[string]bindings.Func{
		"cancel":  {Do: func(_ context.Context, t *timer) (bool, error) { return t.cancel(), nil }},
		"skipped": {Do: func(_ context.Context, t *timer) (int, error) { return t.ticksSkipped(), nil }},
	},
}}}

// module is the timers of one role.
type module struct {
	host    bindings.Host
	ctx     context.Context // of what runs on behalf of no call: the functions of timers
	end     context.CancelFunc
	running sync.WaitGroup // functions being called

	mu     sync.Mutex // guards the rest, and every timer's state
	closed bool
	armed  map[*timer]struct{}
}

func open(host bindings.Host) (*bindings.Instance, error) {
	m := &module{host: host, armed: map[*timer]struct{}{}}
	m.ctx, m.end = context.WithCancel(context.Background())
	return &bindings.Instance{
		Funcs: map[string]bindings.Func{
			"after": {Do: m.after},
			"every": {Do: m.every},
			"sleep": {Do: m.sleep, Waits: true},
		},
		Close: m.close,
	}, nil
}

func (m *module) after(_ context.Context, seconds time.Duration, fn bindings.Callback) (bindings.Handle, error) {
	return m.start(&timer{module: m, fn: fn}, seconds)
}

func (m *module) every(_ context.Context, seconds time.Duration, fn bindings.Callback) (bindings.Handle, error) {
	if seconds < minPeriod {
		fn.Release()
		return bindings.Handle{}, bindings.Misused("argument 1: %v seconds is less than %v", seconds.Seconds(), minPeriod.Seconds())
	}
	return m.start(&timer{module: m, fn: fn, period: seconds}, seconds)
}

func (m *module) start(t *timer, wait time.Duration) (bindings.Handle, error) {
	if err := m.arm(t, wait); err != nil {
		t.fn.Release()
		return bindings.Handle{}, err
	}
	return bindings.Handle{Type: handleType, Value: t}, nil
}

func (m *module) arm(t *timer, wait time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return bindings.Fail("cancelled", "the role has ended")
	case len(m.armed) >= maxTimers:
		return bindings.Fail("limit", "%d timers are running already", maxTimers)
	}
	m.armed[t] = struct{}{}
	t.due = m.host.Now().Add(wait)
	t.disarm = m.host.AfterFunc(wait, t.fire)
	return nil
}

func (m *module) sleep(ctx context.Context, seconds time.Duration) error {
	passed := make(chan struct{})
	disarm := m.host.AfterFunc(seconds, func() { close(passed) })
	defer disarm()
	select {
	case <-passed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-m.ctx.Done():
		return bindings.Fail("cancelled", "the role has ended")
	}
}

// close ends every timer and waits for the functions that run; their contexts end now.
func (m *module) close() error {
	for _, t := range m.shut() {
		t.cancel()
	}
	m.end()
	m.running.Wait()
	return nil
}

func (m *module) shut() []*timer {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	left := make([]*timer, 0, len(m.armed))
	for t := range m.armed {
		left = append(left, t)
	}
	return left
}
