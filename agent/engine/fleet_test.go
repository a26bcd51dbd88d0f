package engine

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// dropAll ends every session at the Engine, and waits until n devices have come back.
func dropAll(f *fake, n int) (back []time.Duration) {
	f.t.Helper()
	for _, s := range f.sio.Sockets() {
		_ = s.Close()
	}
	dropped := time.Now()
	for range 2 * n { // each introduces itself, and asks for its configuration
		if f.next().name == wire.EventConnectAgent {
			back = append(back, time.Since(dropped))
		}
	}
	return back
}

// TestAThousandReconnectsLeaveNothing counts what there is of goroutines and memory after a hundred reconnects and
// after a thousand more.
func TestAThousandReconnectsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg := f.config(filepath.Join(dir, "tree"))
		cfg.Log = nil // the test would keep the lines
		c := f.clientOf(cfg)
		converse(t, c, make(ear, 10))
		reconnect := func(times int) (goroutines int, heap uint64) {
			for range times {
				dropAll(f, 1)
				if err := c.WaitConnected(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			f.set(func() { f.requests = nil }) // what the fake remembers is not the client's
			time.Sleep(time.Minute)
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return runtime.NumGoroutine(), m.HeapAlloc
		}
		goroutines, heap := reconnect(100)
		after, grown := reconnect(1000)
		t.Logf("goroutines %d, then %d; heap %d KiB, then %d KiB", goroutines, after, heap>>10, grown>>10)
		if after > goroutines+2 || grown > heap+256<<10 {
			t.Errorf("goroutines %d, then %d; heap %d, then %d", goroutines, after, heap, grown)
		}
	})
}

// TestAFleetComesBackSpread has the Engine drop many devices at once, and looks when each is back.
func TestAFleetComesBackSpread(t *testing.T) {
	devices := enginetest.AtLength(1000, 200)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := startWith(t, nil, nil)
		for i := range devices {
			cfg := f.config(filepath.Join(dir, fmt.Sprint(i)))
			cfg.ServerURL, cfg.AllowPlainHTTP = "http://127.0.0.1:5000", true
			cfg.Log = nil
			converse(t, f.clientOf(cfg), make(ear, 10))
		}
		dropAll(f, devices) // the first time they come at all
		back := dropAll(f, devices)
		slices.Sort(back)
		t.Logf("back after %v, half of them after %v, the last after %v", back[0], back[devices/2], back[devices-1])
		busiest := 0
		for i, at := range back {
			n, _ := slices.BinarySearch(back[i:], at+time.Second)
			busiest = max(busiest, n)
		}
		t.Logf("in the busiest second %d of %d", busiest, devices)
		if busiest > devices*3/10 || back[devices-1] > 10*time.Second {
			t.Errorf("in the busiest second %d of %d, the last after %v", busiest, devices, back[devices-1])
		}
	})
}
