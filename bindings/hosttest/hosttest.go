// Package hosttest is a bindings.Host for tests: its clock stands still until a test advances it, and what a binding
// emits, asks of the Engine and logs is kept for the test to read. It starts nothing on the machine by itself.
package hosttest

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sort"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// Sent is one event that was handed to the outbox.
type Sent struct {
	Event string
	Data  json.RawMessage
}

// Host is the fake. Set its fields before it is used.
type Host struct {
	Grants bindings.Grants
	Where  bindings.Place
	// Answer stands in for the Engine's REST side; nil refuses every request.
	Answer func(path string, in json.RawMessage) (any, error)

	mu     sync.Mutex
	now    time.Time
	timers []*timer
	sent   []Sent
	logged bytes.Buffer
}

type timer struct {
	at time.Time
	f  func()
}

// New makes a host whose clock reads 2026-01-02 03:04:05 UTC and whose data directory is dir.
func New(dir string, grants ...string) *Host {
	return &Host{
		Grants: grants,
		Where: bindings.Place{
			AgentID: "LAB-PC7_6F1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D_SYSTEM", Hostname: "lab-pc7",
			Context: "system", ServiceMode: "system", DataDir: dir, Version: "0.0.0-test",
		},
		now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

// Log keeps what is logged; Logged gives it.
func (h *Host) Log() *slog.Logger {
	return slog.New(slog.NewTextHandler(lockedWriter{h}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type lockedWriter struct{ h *Host }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	return w.h.logged.Write(p)
}

// Logged is everything logged so far, as slog's text.
func (h *Host) Logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logged.String()
}

// Now reads the still clock.
func (h *Host) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// AfterFunc keeps f for Advance.
func (h *Host) AfterFunc(d time.Duration, f func()) func() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := &timer{at: h.now.Add(d), f: f}
	h.timers = append(h.timers, t)
	return func() bool { return h.drop(t) }
}

func (h *Host) drop(t *timer) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, x := range h.timers {
		if x == t {
			h.timers = append(h.timers[:i], h.timers[i+1:]...)
			return true
		}
	}
	return false
}

// Advance moves the clock and runs, in order and one at a time, what has become due.
func (h *Host) Advance(d time.Duration) {
	end := h.Now().Add(d)
	for f := h.Due(end); f != nil; f = h.Due(end) {
		f()
	}
}

// Due moves the clock to the first thing that is due until end, which it returns; to end where nothing is.
func (h *Host) Due(end time.Time) func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	sort.SliceStable(h.timers, func(i, j int) bool { return h.timers[i].at.Before(h.timers[j].at) })
	if len(h.timers) == 0 || h.timers[0].at.After(end) {
		if end.After(h.now) { // what ran may have been advanced past, by another goroutine
			h.now = end
		}
		return nil
	}
	t := h.timers[0]
	h.timers, h.now = h.timers[1:], t.at
	return t.f
}

// Place is Where.
func (h *Host) Place() bindings.Place { return h.Where }

// Allow asks Grants.
func (h *Host) Allow(grant, thing string) error { return h.Grants.Allow(grant, thing) }

// Emit keeps the event for Sent.
func (h *Host) Emit(event string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent = append(h.sent, Sent{event, raw})
	return nil
}

// Sent is everything emitted so far.
func (h *Host) Sent() []Sent {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Sent(nil), h.sent...)
}

// RunLua runs nothing: a host of tests has no worlds.
func (h *Host) RunLua(context.Context, []byte, map[string]string, func(string)) error { return nil }

// Request asks Answer.
func (h *Host) Request(_ context.Context, path string, in, out any) error {
	if h.Answer == nil {
		return bindings.Fail("offline", "no Engine in this test")
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := h.Answer(path, raw)
	if err != nil {
		return err
	}
	raw, err = json.Marshal(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}
