package world

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"
)

// The named reasons for which a world ends a stint.
var (
	// ErrBusy ends a stint that ran Lua for longer than Limits.Processor, waiting not counted.
	ErrBusy = errors.New("ran for too long without an end")
	// ErrTired refuses a stint while the role has used up its processor time of the last minute.
	ErrTired = errors.New("the role has used up its processor time for now")
	// ErrLate ends a stint that took longer than its handler may take in all, waiting counted.
	ErrLate = errors.New("took longer than it may")
	// ErrMemory ends whatever runs when the role holds more than Limits.Memory.
	ErrMemory = errors.New("the role holds too much memory")
)

// purse is the processor time that a role may still use: it fills with time, up to what it may hold.
type purse struct {
	size time.Duration // what it holds when full
	rate float64       // seconds of processor time that each second brings
	mu   sync.Mutex
	left time.Duration
	seen time.Time
}

func newPurse(perMinute time.Duration) *purse {
	return &purse{size: perMinute, rate: perMinute.Seconds() / 60, left: perMinute, seen: time.Now()}
}

// balance is what is left now.
func (p *purse) balance() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.left = min(p.size, p.left+time.Duration(float64(now.Sub(p.seen))*p.rate))
	p.seen = now
	return p.left
}

func (p *purse) pay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left -= d
}

// byTheClock stands in where the system does not tell the processor time: then all time counts.
func byTheClock() time.Duration { return time.Duration(time.Now().UnixNano()) }

// How often a running stint's memory is looked at, and how long the role has to let go of what it held too much of.
const (
	memoryLook  = 10 * time.Millisecond
	memoryGrace = time.Second
)

// governor watches the memory while Lua runs, and only then: an idle worker is not woken.
type governor struct {
	limit uint64
	// held measures what is alive; it clears the dead away before it says more than the limit.
	held func(limit uint64) uint64
	// exhausted is told, once, that ending the stint has not helped.
	exhausted func(reason error)

	mu      sync.Mutex
	current *stint
	timer   *time.Timer
	over    time.Time // since when too much is held; zero when it is not
}

// watch begins to look after the stint that has begun to run.
func (g *governor) watch(s *stint) {
	if g.limit == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.current = s
	if g.timer == nil {
		g.timer = time.AfterFunc(memoryLook, g.look)
	} else {
		g.timer.Reset(memoryLook)
	}
}

// leave ends looking, unless too much is held: then the role has its grace to run out.
func (g *governor) leave() {
	if g.limit == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.current = nil
	if g.over.IsZero() {
		g.timer.Stop()
	}
}

func (g *governor) look() {
	held := g.held(g.limit)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case held <= g.limit:
		g.over = time.Time{}
		if g.current != nil {
			g.timer.Reset(memoryLook)
		}
		return
	case g.over.IsZero():
		g.over = time.Now()
	case time.Since(g.over) > memoryGrace:
		g.exhausted(fmt.Errorf("%w: %d MiB, and %d MiB are allowed", ErrMemory, held>>20, g.limit>>20))
		return
	}
	if g.current != nil {
		g.current.cancel(ErrMemory)
	}
	g.timer.Reset(memoryLook)
}

// heap measures the world's process.
func heap(limit uint64) uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Uint64() > limit {
		runtime.GC()
		metrics.Read(sample)
	}
	return sample[0].Value.Uint64()
}
