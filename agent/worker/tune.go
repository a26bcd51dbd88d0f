package main

import (
	"runtime"
	"runtime/debug"
	"time"
)

// What one worker may take: the collector works against softMemory, which leaves a role its 64 MiB of live values; one
// role runs on one processor at a time, and the runtime keeps memory for each that it might use.
const (
	softMemory = 72 << 20
	processors = 2
)

// rest is how often a worker gives back what its last events needed: it is woken for that.
const rest = time.Minute

// tune trades processor time for memory: many workers stand idle beside each other.
func tune() {
	runtime.GOMAXPROCS(min(processors, runtime.GOMAXPROCS(0)))
	debug.SetMemoryLimit(softMemory)
}
