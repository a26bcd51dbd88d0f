package main

import (
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
)

// readyWithin is how long the Engine's first words wait for roles that do not come to life.
const readyWithin = 10 * time.Second

// ready is closed once the roles that lay in the directory at the start have come to life, or to nothing. What the Engine
// says before waits on its socket: there would be no role to take it.
type ready struct {
	once sync.Once
	done chan struct{}
}

func newReady() *ready { return &ready{done: make(chan struct{})} }

func (r *ready) now() { r.once.Do(func() { close(r.done) }) }

// look judges by the states of the roles; files says whether there are any.
func (r *ready) look(roles []reload.Status, files bool) {
	loading := slices.ContainsFunc(roles, func(s reload.Status) bool { return s.State == reload.Loading })
	if !loading && (len(roles) > 0 || !files) {
		r.now()
	}
}

// wait waits no longer than it makes sense to.
func (r *ready) wait() {
	select {
	case <-r.done:
		return
	default:
	}
	limit := time.AfterFunc(readyWithin, r.now)
	defer limit.Stop()
	<-r.done
}

// anyRoles says whether a directory has files that might be roles.
func anyRoles(dir string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "role_*.lua"))
	return err != nil || len(files) > 0
}
