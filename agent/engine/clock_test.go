package engine

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// wrongClock is a machine's clock that can be set.
type wrongClock struct{ off time.Duration }

func (w *wrongClock) now() time.Time { return time.Now().Round(0).Add(w.off) }

func TestClockSkewIsMeasuredAndSaidOncePerChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		machine := &wrongClock{}
		cfg := f.config(t.TempDir())
		cfg.Now = machine.now
		c := f.clientOf(cfg)
		if c.ClockSkew() != 0 {
			t.Errorf("a skew of %v without an answer", c.ClockSkew())
		}
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, step := range []struct {
			off         time.Duration
			warn, agree int // lines so far
		}{
			{0, 0, 0},
			{10 * time.Second, 0, 0},
			{-2 * time.Hour, 1, 0},
			{-2*time.Hour - 5*time.Second, 1, 0},
			{3 * time.Hour, 2, 0},
			{0, 2, 1},
		} {
			machine.off = step.off
			for range 5 {
				post(t, c)
			}
			if got := c.ClockSkew() + step.off; got.Abs() > 2*time.Second {
				t.Errorf("step %d: skew %v, want %v", i, c.ClockSkew(), -step.off)
			}
			text := f.logged()
			if warn, agree := strings.Count(text, "clock is wrong"), strings.Count(text, "clock agrees"); warn != step.warn || agree != step.agree {
				t.Errorf("step %d: said %d and %d times, want %d and %d", i, warn, agree, step.warn, step.agree)
			}
		}
	})
}

// TestSettingTheClockCostsNoToken sets the machine's clock far forth and back: a token lives by the Engine's time.
func TestSettingTheClockCostsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		machine := &wrongClock{}
		cfg := f.config(t.TempDir())
		cfg.Now = machine.now
		c := f.clientOf(cfg)
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		machine.off = 2 * time.Hour
		post(t, c) // what the clock has been set by is known only now, and may have cost a refresh
		before := len(f.to(wire.PathTokenRefresh))
		for range 5 {
			post(t, c)
		}
		machine.off = -2 * time.Hour
		for range 5 {
			post(t, c)
		}
		if n := len(f.to(wire.PathTokenRefresh)); n != before || n > 1 {
			t.Errorf("%d refreshes, then %d", before, n)
		}
		time.Sleep(15 * time.Minute)
		post(t, c) // by the machine's clock it would be good for two hours
		if n := len(f.to(wire.PathTokenRefresh)); n != before+1 {
			t.Errorf("%d refreshes after the token's end, want %d", n, before+1)
		}
	})
}

func TestDatesThatMeasureNothing(t *testing.T) {
	c := clock{log: slog.New(slog.DiscardHandler)}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, date := range []string{"", "yesterday", "2026-01-01T00:00:00Z"} {
		c.read(date, now, now)
	}
	c.read(now.Format(http.TimeFormat), now, now.Add(skewTooFar+time.Second))
	c.read(now.Format(http.TimeFormat), now.Add(time.Second), now)
	if c.now() != nil {
		t.Errorf("a skew of %v", *c.now())
	}
}

func FuzzDate(f *testing.F) {
	f.Add("Sat, 01 Jan 2000 00:10:00 GMT")
	f.Add("Saturday, 01-Jan-00 00:10:00 GMT")
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT")
	f.Fuzz(func(t *testing.T, date string) {
		c := clock{log: slog.New(slog.DiscardHandler)}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		c.read(date, now, now)
		if _, err := http.ParseTime(date); (c.now() != nil) != (err == nil) {
			t.Fatalf("%q: %v, %v", date, c.now(), err)
		}
		if wait := retryAfter(date, now); wait < 0 {
			t.Fatalf("%q puts off by %v", date, wait)
		}
	})
}
