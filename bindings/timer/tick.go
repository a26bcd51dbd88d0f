package timer

import (
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// timer runs a role's function once, or every period. It is armed until it is cancelled or, if it runs once, until
// its function begins. The one who finds it neither armed nor calling lets go of the function.
type timer struct {
	*module
	fn     bindings.Callback
	period time.Duration // 0: once

	// Guarded by module.mu.
	disarm  func() bool
	due     time.Time
	calling bool
	skipped int
}

// fire is what the host's clock calls.
func (t *timer) fire() {
	if !t.begin() {
		return
	}
	defer t.running.Done()
	_ = t.fn.Call(t.ctx) // the world has logged what went wrong, with file and line
	if t.finish() {
		t.fn.Release()
	}
}

// begin reports whether the function may be called now, and arms the next tick.
func (t *timer) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, armed := t.armed[t]; !armed || t.closed {
		return false
	}
	if t.period == 0 {
		delete(t.armed, t)
	} else {
		t.againLocked()
	}
	if t.calling {
		t.skipped++
		return false
	}
	t.calling = true
	t.running.Add(1)
	return true
}

// againLocked arms the next tick on the beat of the first, whatever this one was late by. Ticks that the machine slept
// through are skipped.
func (t *timer) againLocked() {
	now := t.host.Now()
	missed := max(0, now.Sub(t.due)/t.period)
	t.skipped += int(missed)
	t.due = t.due.Add((missed + 1) * t.period)
	t.disarm = t.host.AfterFunc(t.due.Sub(now), t.fire)
}

// finish notes that the function has returned, and reports whether it was the last time.
func (t *timer) finish() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calling = false
	_, armed := t.armed[t]
	return !armed
}

// cancel lets the function run no more, and reports whether it would have. It does not wait for a call that runs: the
// function may cancel its own timer.
func (t *timer) cancel() bool {
	armed, idle := t.stop()
	if armed && idle {
		t.fn.Release()
	}
	return armed
}

func (t *timer) stop() (armed, idle bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, armed = t.armed[t]; armed {
		delete(t.armed, t)
		t.disarm()
	}
	return armed, !t.calling
}

// Close cancels the timer when the role lets go of it.
func (t *timer) Close() error {
	t.cancel()
	return nil
}

// Over reports whether nothing is left to cancel; its function may be running for the last time.
func (t *timer) Over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, armed := t.armed[t]
	return !armed
}

// Finished reports whether nothing is left to cancel, or to wait for.
func (t *timer) Finished() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, armed := t.armed[t]
	return !armed && !t.calling
}

func (t *timer) ticksSkipped() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.skipped
}
