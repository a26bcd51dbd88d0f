// Package wire holds what the Engine and the agent say to each other: the types of the REST bodies and of the
// Socket.IO events, with the strictness that each border needs. It promises to keep the text of what it does not
// interpret (numbers included, since signatures cover them). It opens no connection and checks no signature.
package wire

import (
	"encoding/json"
	"time"
)

// Event is one Socket.IO event as the Engine sent it. The Engine broadcasts, so no role is named in it.
type Event struct {
	Name string
	// Data is the first argument of the event, exactly as received, or what the gate made of it.
	Data json.RawMessage
	// Bytes holds fields that JSON cannot carry, by name: the gate puts a job's verified script here, and
	// roles meet each as a field of the event.
	Bytes map[string][]byte
	At    time.Time
}

// Result is what a role, or the gate in its place, wants the Engine to have.
type Result struct {
	ID    string
	Role  string
	Event string // the Socket.IO event to emit
	Data  json.RawMessage
}
