// Package memory gives back what a program needs only while it works: an agent and its workers stand idle nearly all of
// their time, beside other programs. What is given back stays in the system's cache as long as there is room, and comes
// back by itself. It limits nothing.
package memory

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

// gcPercent lets the heap grow by half of what is alive before the collector runs: half of Go's own choice.
const gcPercent = 50

// firstRest is how long after it has begun to be idle a program is looked at first.
const firstRest = time.Second

// Program is this very program, as it lies in memory.
type Program struct{ regions []region }

// Thrift has the collector run more often and keep no profile of the heap, and finds the program. A process that locks itself down must call it before
// that: it reads a file.
func Thrift() *Program {
	debug.SetGCPercent(gcPercent)
	runtime.MemProfileRate = 0
	return &Program{regions()}
}

// Rest gives back what the program does not need at the moment.
func (p *Program) Rest() {
	debug.FreeOSMemory()
	for _, r := range p.regions {
		_ = r.unmap() // some pages more or less
	}
}

// Keep rests soon, and then every so often, until ctx ends.
func (p *Program) Keep(ctx context.Context, every time.Duration) {
	for pause := firstRest; ; pause = every {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			p.Rest()
		}
	}
}
