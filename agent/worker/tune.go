package main

import (
	"runtime/debug"
	"time"
)

// softMemory is what the collector works against: it leaves a role its 64 MiB of live values.
const softMemory = 72 << 20

// rest is how often a worker gives back what its last events needed: it is woken for that.
const rest = time.Minute

// tune trades processor time for memory: many workers stand idle beside each other.
func tune() { debug.SetMemoryLimit(softMemory) }
