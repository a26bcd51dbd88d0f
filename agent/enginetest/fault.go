package enginetest

import (
	"net/http"
	"sync"
)

// faults are the handlers that tests put before the Engine's own.
type faults struct {
	mu sync.Mutex
	by map[string]func(http.ResponseWriter, *http.Request) bool
}

// Fault puts h before everything that the Engine answers at exactly this path, "/socket.io/" included. When h returns
// true, it has answered; false leaves the request to the Engine, its body unread. A nil h takes the fault away.
func (e *Engine) Fault(path string, h func(w http.ResponseWriter, r *http.Request) bool) {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	if e.faults.by == nil {
		e.faults.by = map[string]func(http.ResponseWriter, *http.Request) bool{}
	}
	e.faults.by[path] = h
}

func (f *faults) at(path string) func(http.ResponseWriter, *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.by[path]
}
