package reload

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// content is what a slot should run: a settled file, and the helpers as they were at the same look.
type content struct {
	file
	libs library
}

// equal reports whether nothing has changed.
func (c *content) equal(d *content) bool {
	return c.same(d.file) && maps.EqualFunc(c.libs, d.libs, file.same)
}

// serves reports whether a role that was made of d is what c asks for: of the helpers, those that it uses count.
func (c *content) serves(d *content, requires []string) bool {
	return c.covers(d.narrow(requires))
}

// library is the helpers of lib/ by path.
type library map[string]file

// libPath is where the helper that a role requires by this name stands: lib.text is lib/text.lua.
func libPath(name string) string { return strings.ReplaceAll(name, ".", "/") + ".lua" }

// read gives a helper by the name that a role requires it by.
func (l library) read(name string) (contract.Source, error) {
	path := libPath(name)
	f, ok := l[path]
	if !ok {
		return contract.Source{}, fmt.Errorf("%s is not there", path)
	}
	return contract.Source{File: path, Text: f.text}, f.err
}

// slot is one file of the watched directory over time. At most two versions of it live: one that serves, and beside it
// one that comes to life or drains.
type slot struct {
	reloader *Reloader
	file     string
	wake     chan struct{}

	// Only the slot's own goroutine touches these.
	running *role.Role
	serving *content // what running was made of
	before  *content // what served before it
	tried   *content // what was last brought to life or refused
	kept    *content // what served before the agent started, until something serves
	shelved string   // the digest of what is kept over a restart
	served  string   // the name under which something last served
	old     *retiring
	deaths  deaths
	late    int // how often in a row tried could not be brought to life for want of time or of a process
	again   again

	mu       sync.Mutex
	want     *content
	stale    []func(Status) bool // not asked yet: see Renew
	pardoned bool
	status   Status
	asked    []string // the events of the last version that served
}

func newSlot(r *Reloader, file string) *slot {
	s := &slot{
		reloader: r, file: file, wake: make(chan struct{}, 1), kept: r.shelf.take(file),
		again:  again{pause: r.cfg.Times.Restart},
		status: Status{File: file, State: Loading, Since: time.Now().Unix()},
	}
	if s.kept != nil {
		s.shelved = s.kept.digest()
	}
	return s
}

// wants says what the slot should run; nil for nothing. Only the latest wish counts.
func (s *slot) wants(c *content) {
	s.mu.Lock()
	s.want = c
	s.mu.Unlock()
	s.rouse()
}

// gone reports whether the end of the file is no news.
func (s *slot) gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.want == nil && s.status.State == Stopped
}

func (s *slot) renew(stale func(Status) bool) {
	s.mu.Lock()
	s.stale = append(s.stale, stale)
	s.mu.Unlock()
	s.rouse()
}

func (s *slot) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run is the slot's life: it follows wishes, and starts again what died.
func (s *slot) run(life context.Context) {
	for {
		var died, useless <-chan struct{}
		if s.running != nil {
			died = s.running.Done()
		}
		if s.running != nil && s.before != nil {
			useless = s.running.Useless()
		}
		select {
		case <-life.Done():
			return
		case <-s.wake:
			s.follow(life)
		case <-died:
			s.bury()
		case <-useless:
			s.rollBack(life)
		case <-s.again.due():
			s.retry(life)
		}
	}
}

// follow brings the slot to what is wanted.
func (s *slot) follow(life context.Context) {
	want, renewed, released := s.wishes()
	switch {
	case want == nil:
		s.remove(life)
	case released:
		s.forget()
		s.record(Released, want, "", time.Now())
		s.bring(life, want)
	case s.running != nil && want.serves(s.serving, s.running.Manifest().Requires) && !renewed:
		s.serving, s.tried, s.late = want, want, 0
		s.again.forget()
		s.forgive()
	case s.tried != nil && want.equal(s.tried):
		if renewed {
			s.bringAgain(life, want)
		}
	default:
		s.forget()
		if !s.confined(want) {
			s.bring(life, want)
		}
	}
}

// forget starts anew: other content, other chances.
func (s *slot) forget() {
	s.deaths, s.late = nil, 0
	s.again.forget()
}

// wishes takes what is wanted, and whether the same content is to be brought to life again.
func (s *slot) wishes() (want *content, renewed, released bool) {
	s.mu.Lock()
	status, stale := s.status, s.stale
	want, released = s.want, s.pardoned && status.State == Quarantined
	s.stale, s.pardoned = nil, false
	s.mu.Unlock()
	if status.State == Running || status.State == Refused {
		renewed = slices.ContainsFunc(stale, func(stale func(Status) bool) bool { return stale(status) })
	}
	return want, renewed, released
}
