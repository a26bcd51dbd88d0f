package engine_test

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// TestAFleetComesBackAfterARestart restarts the embedded Engine under many devices of one process, and looks when each
// is back.
func TestAFleetComesBackAfterARestart(t *testing.T) {
	devices := enginetest.AtLength(1000, 60)
	cfg := enginetest.Config{AutoApprove: true, Dir: t.TempDir(), FirstPoll: time.Second}
	e := enginetest.Start(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	var talking sync.WaitGroup
	defer talking.Wait()
	defer cancel()
	var clients []*engine.Client
	for i := range devices {
		device, _ := configIn(t, e, filepath.Join(t.TempDir(), "tree"))
		device.Hostname, device.RootCAs, device.Log = fmt.Sprintf("node-%04d", i), e.RootPEM(), nil
		c := clientOf(t, device)
		talking.Go(func() { _ = c.Converse(ctx, nobody{}) })
		clients = append(clients, c)
	}
	for _, c := range clients {
		if err := c.WaitConnected(ctx); err != nil {
			t.Fatal(err)
		}
	}
	address, err := url.Parse(e.URL())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Addr = "127.0.0.1:" + address.Port()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = enginetest.Start(t, cfg)
	restarted := time.Now()
	back := map[string]time.Duration{}
	for len(back) < devices && time.Since(restarted) < 5*time.Minute {
		time.Sleep(10 * time.Millisecond)
		for _, ev := range e.Events() {
			if _, known := back[ev.SocketID]; ev.Event == wire.EventConnectAgent && !known {
				back[ev.SocketID] = ev.At.Sub(restarted)
			}
		}
	}
	expectSpread(t, devices, back)
}

// expectSpread checks that no second has too many of the devices.
func expectSpread(t *testing.T, devices int, back map[string]time.Duration) {
	t.Helper()
	var times []time.Duration
	for _, at := range back {
		times = append(times, at)
	}
	slices.Sort(times)
	busiest := 0
	for i, at := range times {
		n, _ := slices.BinarySearch(times[i:], at+time.Second)
		busiest = max(busiest, n)
	}
	if len(times) != devices {
		t.Fatalf("%d of %d devices came back", len(times), devices)
	}
	t.Logf("%d devices: the first after %v, half after %v, the last after %v; %d in the busiest second",
		devices, times[0], times[devices/2], times[devices-1], busiest)
	if busiest > devices*2/5 {
		t.Errorf("%d of %d devices in one second", busiest, devices)
	}
}
