package enginetest

import (
	"sync"
	"time"
)

// Limits of the Engine, all over windowSpan.
const (
	windowSpan     = 60 * time.Second
	enrollsPerIP   = 40
	enrollsPerKey  = 12
	callsPerDevice = 60
	maxWindowKeys  = 10_000
)

// window counts takings per key over the last windowSpan. A limit of 0 lets everything pass.
type window struct {
	limit int
	now   func() time.Time

	mu    sync.Mutex
	taken map[string][]time.Time
}

func newWindow(limit int, on bool, now func() time.Time) *window {
	if !on {
		limit = 0
	}
	return &window{limit: limit, now: now, taken: map[string][]time.Time{}}
}

// take counts one for key, or says how long to wait for the next.
func (w *window) take(key string) time.Duration {
	if w.limit == 0 {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	recent := since(w.taken[key], now.Add(-windowSpan))
	if len(recent) >= w.limit {
		w.taken[key] = recent
		return recent[0].Add(windowSpan).Sub(now)
	}
	if len(w.taken) >= maxWindowKeys {
		clear(w.taken) // a flood of made-up keys: forget it all rather than grow
	}
	w.taken[key] = append(recent, now)
	return 0
}

// since gives the tail of times after start.
func since(times []time.Time, start time.Time) []time.Time {
	for len(times) > 0 && !times[0].After(start) {
		times = times[1:]
	}
	return times
}

// replays remembers what was used within its span, so that it is used once.
type replays struct {
	span time.Duration
	now  func() time.Time

	mu   sync.Mutex
	used map[string]time.Time
}

func newReplays(now func() time.Time) *replays {
	return &replays{span: 300 * time.Second, now: now, used: map[string]time.Time{}}
}

// use records key and tells whether this is its first use within the span.
func (r *replays) use(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for k, at := range r.used {
		if now.Sub(at) > r.span {
			delete(r.used, k)
		}
	}
	if _, found := r.used[key]; found {
		return false
	}
	r.used[key] = now
	return true
}
