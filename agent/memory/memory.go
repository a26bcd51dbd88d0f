// Package memory gives back what a program needs only while it works: an agent and its workers stand idle nearly all of
// their time, beside other programs. What is given back stays in the system's cache as long as there is room, and comes
// back by itself. It limits nothing.
package memory

import (
	"context"
	"runtime/debug"
	"time"
)

// gcPercent lets the heap grow by half of what is alive before the collector runs: half of Go's own choice.
const gcPercent = 50

// A program is looked at this long after it has begun to be idle, and then this often.
const (
	firstRest = time.Second
	nextRest  = time.Minute
)

// Program is this very program, as it lies in memory.
type Program struct{ regions []region }

// Thrift has the collector run more often, and finds the program. A process that locks itself down must call it before
// that: it reads a file.
func Thrift() *Program {
	debug.SetGCPercent(gcPercent)
	return &Program{regions()}
}

// Rest gives back what the program does not need at the moment.
func (p *Program) Rest() {
	debug.FreeOSMemory()
	for _, r := range p.regions {
		_ = r.unmap() // some pages more or less
	}
}

// Keep rests now and then until ctx ends.
func (p *Program) Keep(ctx context.Context) {
	for pause := firstRest; ; pause = nextRest {
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
