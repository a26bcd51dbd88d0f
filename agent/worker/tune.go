package main

import "runtime/debug"

// Memory of one worker: the collector works against softMemory, which leaves a role its 64 MiB of live values.
const softMemory = 72 << 20

// tune trades processor time for memory: many workers stand idle beside each other.
func tune() {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(softMemory)
}
