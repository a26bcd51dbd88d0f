package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/outbox"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// How much may wait for a disk that takes nothing, and how often it is tried.
const (
	unkeptItems = 1000
	unkeptBytes = 32 << 20
	unkeptPause = 2 * time.Second
)

// unkept are results that the disk did not take. Each is sent at once, for the machine may not live to see its disk
// mended; and it is kept, and sent again, as soon as it can be, so that the next start does not say something else.
type unkept struct {
	log  *slog.Logger
	send func(wire.Result) error

	mu    sync.Mutex
	left  []attempt
	bytes int
}

type attempt struct {
	keep   func(wire.Result) error
	result wire.Result
}

// keep keeps r, now or later.
func (u *unkept) keep(keep func(wire.Result) error, r wire.Result) error {
	err := keep(r)
	if !errors.Is(err, outbox.ErrDisk) || !u.add(attempt{keep, r}) {
		return err
	}
	u.log.Error("result not kept: it is sent while there is a connection, and kept once the disk takes it",
		"role", r.Role, "event", r.Event, "error", err)
	if err := u.send(r); err != nil {
		u.log.Warn("result waits for the disk alone", "role", r.Role, "event", r.Event, "error", err)
	}
	return nil
}

func (u *unkept) add(a attempt) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.left) >= unkeptItems || u.bytes+len(a.result.Data) > unkeptBytes {
		return false
	}
	u.left = append(u.left, a)
	u.bytes += len(a.result.Data)
	return true
}

// run tries again until ctx ends.
func (u *unkept) run(ctx context.Context) error {
	tick := time.NewTicker(unkeptPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			u.again()
		}
	}
}

// again keeps what the disk takes now, in order.
func (u *unkept) again() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for ; len(u.left) > 0; u.left = u.left[1:] {
		a := u.left[0]
		err := a.keep(a.result)
		if errors.Is(err, outbox.ErrDisk) {
			return
		}
		u.bytes -= len(a.result.Data)
		if err != nil && !errors.Is(err, outbox.ErrNotOwed) {
			u.log.Error("result not kept", "role", a.result.Role, "event", a.result.Event, "error", err)
		}
	}
}
