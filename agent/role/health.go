package role

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
)

// Limits bound what one role may occupy of the agent.
type Limits struct {
	// Waiting is how many events may wait; UnderWay how many may be with the worker.
	Waiting, UnderWay int
	// Calls and Lines are how many calls of bindings, and lines of log, a role may make in a second; twice and ten
	// times as many at once.
	Calls, Lines int
	// Ticks is how many functions that bindings hold, as timers do, may run in a second, and as many at once; those past
	// it wait.
	Ticks int
	// Output is how many bytes of results a role may emit in a minute, and as many at once.
	Output int
	// Watch is how often the worker must show that it is alive; Mute is how long it may take for that.
	Watch, Mute time.Duration
	// Stop is how long stop_all may take.
	Stop time.Duration
}

// DefaultLimits are those of the architecture.
func DefaultLimits() Limits {
	return Limits{
		Waiting: 1024, UnderWay: 16, Calls: 5000, Ticks: 1000, Lines: 100, Output: 64 << 20,
		Watch: 30 * time.Second, Mute: 30 * time.Second, Stop: 2 * time.Second,
	}
}

// counts is what has become of a role's events.
type counts struct {
	handled, failed, full atomic.Int64
	// useless is closed when the first of the role's handlers have all failed.
	useless chan struct{}
	// busy is when last something found no place in the worker any more, and what.
	busy atomic.Pointer[busyness]
}

type busyness struct {
	at   time.Time
	what string
}

// busyFor is how long a role counts as unhealthy after something found no place in its worker.
const busyFor = 10 * time.Second

// firstFailures is how many handlers of a version must fail, with none that succeeded, for it to count as useless.
const firstFailures = 3

func (c *counts) note(err error) {
	if err == nil {
		c.handled.Add(1)
		return
	}
	if said := (*ipc.Failure)(nil); errors.As(err, &said) && said.Code == "busy" {
		c.busy.Store(&busyness{time.Now(), said.Message})
	}
	if c.failed.Add(1) == firstFailures && c.handled.Load() == 0 {
		close(c.useless)
	}
}

// Useless is closed when the first handlers of this version have all failed: then the version before it was better.
func (r *Role) Useless() <-chan struct{} { return r.counts.useless }

// Health is how a role is.
type Health struct {
	// Status is the role's own word, or "unhealthy" when it does not answer.
	Status, Detail string
	// Handled and Failed count events; Full those that were refused.
	Handled, Failed, Full int64
	// Waiting and UnderWay are events now.
	Waiting, UnderWay int
	// Open counts what the role keeps open, by kind.
	Open  map[string]int
	Since time.Time
}

// Health asks the role how it is.
func (r *Role) Health(ctx context.Context) Health {
	h := Health{
		Handled: r.counts.handled.Load(), Failed: r.counts.failed.Load(), Full: r.counts.full.Load(),
		Open: r.set.Open(), Since: r.started,
	}
	h.Waiting, h.UnderWay = r.mailbox.counts()
	var report contract.Report
	if err := r.peer.Call(ctx, contract.Health, nil, &report); err != nil {
		h.Status, h.Detail = "unhealthy", err.Error()
		return h
	}
	h.Status, h.Detail = report.Status, report.Detail
	if b := r.counts.busy.Load(); b != nil && time.Since(b.at) < busyFor {
		h.Status, h.Detail = "unhealthy", b.what
	}
	return h
}

// watch kills a worker that no longer answers: its process may be stuck where no budget of the world reaches.
func (r *Role) watch() {
	tick := time.NewTicker(r.cfg.Limits.Watch)
	defer tick.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
			r.probe()
		}
	}
}

func (r *Role) probe() {
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Limits.Mute)
	defer cancel()
	err := r.peer.Call(ctx, contract.Health, nil, nil)
	if !errors.Is(err, context.DeadlineExceeded) || r.ctx.Err() != nil {
		return // it said something, or is gone, and live tells of what
	}
	r.cut(fmt.Errorf("worker did not answer for %v", r.cfg.Limits.Mute))
}
