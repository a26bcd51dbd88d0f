package outbox

import (
	"fmt"
	"time"
)

const (
	// maxFlights bounds the results that are on their way at once, so that those which no Engine acknowledges, and of
	// which only its pings tell half a minute later, hold up no others until there are a thousand of them.
	maxFlights = 1024
	// maxInFlight bounds their bytes; the last may pass it.
	maxInFlight = 16 << 20
)

// flight is a result on its way, and what became of it.
type flight struct {
	number          uint64 // on disk
	size            int
	id, role, event string
	since           time.Time
	err             error // nil: the Engine has it
}

// airspace is all flights of a pass. It belongs to one goroutine.
type airspace struct {
	flights int
	bytes   int
	landed  chan flight
	failed  func(error) // ends the pass: what was put later must not overtake a result that is to be sent again
}

func newAirspace(failed func(error)) *airspace {
	return &airspace{landed: make(chan flight, maxFlights), failed: failed}
}

func (a *airspace) room() bool { return a.flights < maxFlights && a.bytes < maxInFlight }

// launch lets a goroutine wait for the flight's end, which arrives in landed.
func (a *airspace) launch(f flight, received func() error) {
	a.flights++
	a.bytes += f.size
	go func() {
		if f.err = received(); f.err != nil {
			a.failed(fmt.Errorf("result %q of %q: %w", f.id, f.role, f.err))
		}
		a.landed <- f
	}()
}

// left is for a flight that was taken from landed.
func (a *airspace) left(f flight) flight {
	a.flights--
	a.bytes -= f.size
	return f
}
