package engine

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// mostInAMinute is the largest number of device calls that the Engine saw in any 60 seconds.
func (f *fake) mostInAMinute() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	var times []time.Time
	most := 0
	for _, s := range f.requests {
		if s.header.Get("Authorization") == "" || s.path == "/socket.io/" {
			continue
		}
		times = append(times, s.at)
		for s.at.Sub(times[0]) >= time.Minute {
			times = times[1:]
		}
		most = max(most, len(times))
	}
	return most
}

// twoProcesses are both processes of one device, enrolled and with the budget that they really have.
func twoProcesses(t *testing.T, f *fake) []*Client {
	t.Helper()
	root := t.TempDir()
	var clients []*Client
	for _, mode := range []wire.Mode{wire.System, wire.CurrentUser} {
		cfg := f.config(root)
		cfg.Mode, cfg.CallsPerMinute = mode, 0
		c := f.clientOf(cfg)
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	return clients
}

// TestHoursOfNormalWork runs both processes of a device for three hours.
func TestHoursOfNormalWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		clients := twoProcesses(t, f)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() { _ = c.Run(ctx) })
		}
		wg.Wait()
		if most := f.mostInAMinute(); most > 12 {
			t.Errorf("%d calls in a minute", most)
		}
		for path, want := range map[string]int{wire.PathHeartbeat: 2 * 180, wire.PathScriptRequest: 2 * 360} {
			if n := len(f.to(path)); n < want*9/10 || n > want*11/10 {
				t.Errorf("%s: %d calls in three hours, want about %d", path, n, want)
			}
		}
		if n := len(f.to(wire.PathTokenRefresh)); n > 2*3*5 {
			t.Errorf("%d refreshes in three hours", n)
		}
		jittered(t, f.to(wire.PathHeartbeat))
	})
}

// jittered checks that calls are not made on the dot.
func jittered(t *testing.T, calls []seen) {
	t.Helper()
	gaps := map[time.Duration]bool{}
	var last time.Time
	for _, s := range calls {
		if s.header.Get("X-Borealis-Agent-Context") != "SYSTEM" {
			continue
		}
		if !last.IsZero() {
			gap := s.at.Sub(last)
			if gap < 54*time.Second || gap > 67*time.Second {
				t.Errorf("a heartbeat after %v", gap)
			}
			gaps[gap.Round(time.Second)] = true
		}
		last = s.at
	}
	if len(gaps) < 5 {
		t.Errorf("gaps %v are too even", gaps)
	}
}

// TestAFloodOfRolesStaysBelowTheLimit has roles of both processes call without pause: the limit holds, and heartbeats
// get through.
func TestAFloodOfRolesStaysBelowTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		clients := twoProcesses(t, f)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() { _ = c.Run(ctx) })
			for range 5 {
				wg.Go(func() {
					for c.Post(ctx, "/api/agent/x", nil, nil) == nil {
					}
				})
			}
		}
		wg.Wait()
		if most := f.mostInAMinute(); most >= 60 {
			t.Errorf("%d calls in a minute", most)
		}
		if n := len(f.to("/api/agent/x")); n < 2*10*20 {
			t.Errorf("only %d calls of roles in ten minutes", n)
		}
		if n := len(f.to(wire.PathHeartbeat)); n < 2*8 {
			t.Errorf("only %d heartbeats in ten minutes", n)
		}
	})
}

func TestAHurriedCallerIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg := f.config(t.TempDir())
		cfg.CallsPerMinute = budgetReserve + 2
		c := f.clientOf(cfg)
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		before := time.Now()
		for i := range 3 {
			err := c.Post(ctx, "/api/agent/x", nil, nil)
			if (i < 2) != (err == nil) || (i == 2 && !errors.Is(err, ErrPutOff)) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if err := c.heartbeat(ctx); err != nil {
			t.Errorf("the agent's own call: %v", err)
		}
		if time.Since(before) != 0 {
			t.Errorf("it took %v", time.Since(before))
		}
		if err := c.Post(t.Context(), "/api/agent/x", nil, nil); err != nil || time.Since(before) < time.Minute {
			t.Errorf("a patient caller: %v after %v", err, time.Since(before))
		}
	})
}
