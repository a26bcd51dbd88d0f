package enginetest

import (
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// What the Engine remembers for tests, in memory: enough for any of them, and an end to it.
const (
	maxHeartbeats = 1000     // per device
	maxEvents     = 20_000   // of all sockets
	maxEventBytes = 64 << 20 // of all their data
)

// Received is one event as an agent emitted it.
type Received struct {
	At       time.Time
	SocketID string
	AgentID  string // as registered by then; empty before connect_agent
	Event    string
	Data     json.RawMessage // the first argument, nil when there is none
	AckAsked bool
}

// record is what agents told.
type record struct {
	mu         sync.Mutex
	heartbeats map[string][]Heartbeat // by GUID
	events     []Received
	eventBytes int
}

func (r *record) heartbeat(guid string, h Heartbeat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.heartbeats == nil {
		r.heartbeats = map[string][]Heartbeat{}
	}
	list := append(r.heartbeats[guid], h)
	r.heartbeats[guid] = list[max(0, len(list)-maxHeartbeats):]
}

func (r *record) event(ev Received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, ev)
	r.eventBytes += len(ev.Data)
	for len(r.events) > maxEvents || r.eventBytes > maxEventBytes && len(r.events) > 1 {
		r.eventBytes -= len(r.events[0].Data)
		r.events[0] = Received{}
		r.events = r.events[1:]
	}
}

// Heartbeats gives the heartbeats of a device since the Engine started, oldest first, at most the last 1000.
func (e *Engine) Heartbeats(guid string) []Heartbeat {
	e.record.mu.Lock()
	defer e.record.mu.Unlock()
	return slices.Clone(e.record.heartbeats[guid])
}

// Events gives everything that sockets emitted since the Engine started, oldest first, at most the last 20,000.
func (e *Engine) Events() []Received {
	e.record.mu.Lock()
	defer e.record.mu.Unlock()
	return slices.Clone(e.record.events)
}
