package main

import (
	"runtime/debug"
	"time"
)

// Memory of one worker: the collector works against softMemory, which leaves a role its 64 MiB of live values.
const softMemory = 72 << 20

// tune trades processor time for memory: many workers stand idle beside each other.
func tune() {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(softMemory)
}

// A worker is looked at this long after its role was loaded, and then this often: what an event needed, an idle worker
// does not.
const (
	firstRest = time.Second
	nextRest  = time.Minute
)

// settle gives back, now and then, the memory that idling does not need.
func settle(regions []region) func() {
	return func() {
		var timer *time.Timer
		timer = time.AfterFunc(firstRest, func() {
			debug.FreeOSMemory()
			for _, r := range regions {
				_ = r.unmap() // some pages more or less
			}
			timer.Reset(nextRest)
		})
	}
}
