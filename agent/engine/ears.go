package engine

import (
	"sync"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// ears remembers which events the Engine listens to. An Engine that acknowledges at all acknowledges every event that
// it has a handler for; one that it has left without an acknowledgement before is heard by nobody there, and to wait
// for the next ping each time would hold up the results behind it, 25 seconds for each.
type ears struct {
	mu  sync.Mutex
	any bool // something was acknowledged
	// known says of an event whether it was ever acknowledged; what is not in it was not tried.
	known map[string]bool
}

// maxKnown bounds what is remembered: roles choose the names of events.
const maxKnown = 256

// heard notes an acknowledgement.
func (e *ears) heard(event string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.any = true
	e.note(event, true)
}

// missed notes that a ping came before an acknowledgement. What was acknowledged once is only slow.
func (e *ears) missed(event string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.known[event] {
		e.note(event, false)
	}
}

func (e *ears) note(event string, heard bool) {
	if e.known == nil {
		e.known = map[string]bool{}
	}
	if _, there := e.known[event]; there || len(e.known) < maxKnown {
		e.known[event] = heard
	}
}

// unheard reports whether nobody listens to an event, as far as is known. Results of jobs always count.
func (e *ears) unheard(event string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	heard, tried := e.known[event]
	return e.any && tried && !heard && event != wire.EventJobResult
}

// deaf forgets what was learnt: another session may be with another Engine.
func (e *ears) deaf() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.any, e.known = false, nil
}
