package reload

import (
	"context"
	"errors"
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
	return c.same(d.file) && !slices.ContainsFunc(requires, func(name string) bool {
		return !c.libs[libPath(name)].same(d.libs[libPath(name)])
	})
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

// slot is one file of the watched directory over time: at most one version serves, and at most one older one drains.
type slot struct {
	reloader *Reloader
	file     string
	wake     chan struct{}

	// Only the slot's own goroutine touches these.
	running *role.Role
	serving *content // what running was made of
	before  *content // what served before it
	tried   *content // what was last brought to life or refused
	old     *retiring
	deaths  deaths

	mu       sync.Mutex
	want     *content
	stale    []func(Status) bool // not asked yet: see Renew
	pardoned bool
	status   Status
	asked    []string // the events of the last version that served
}

func newSlot(r *Reloader, file string) *slot {
	return &slot{
		reloader: r, file: file, wake: make(chan struct{}, 1),
		deaths: deaths{pause: r.cfg.Times.Restart},
		status: Status{File: file, State: Loading, Since: time.Now().Unix()},
	}
}

// wants says what the slot should run; nil for nothing. Only the latest wish counts.
func (s *slot) wants(c *content) {
	s.mu.Lock()
	s.want = c
	s.mu.Unlock()
	s.rouse()
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
		case <-s.deaths.due():
			s.revive(life)
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
		s.deaths.forget()
		s.record(Released, want, "", time.Now())
		s.bring(life, want)
	case s.running != nil && want.serves(s.serving, s.running.Manifest().Requires) && !renewed:
		s.serving, s.tried = want, want
		s.forgive()
	case s.tried != nil && want.equal(s.tried):
		if renewed {
			s.bringAgain(life, want)
		}
	default:
		s.deaths.forget()
		if !s.confined(want) {
			s.bring(life, want)
		}
	}
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

// bring brings a version to life, in the place of the one that runs.
func (s *slot) bring(life context.Context, c *content) {
	s.tried = c
	begun := time.Now()
	next, err := s.start(life, c)
	switch {
	case errors.Is(err, role.ErrOtherContext):
		if s.running != nil {
			s.record(OtherContext, c, "", begun)
		}
		s.end(life)
		s.tried = c
		s.say(OtherContext, "")
	case err != nil:
		s.record(Refused, c, err.Error(), begun)
		s.refuse(c, err)
	default:
		s.change(life, next, c, begun)
		s.reloader.cfg.Log.Info("role serves", "role", next.Name(), "file", s.file,
			"version", next.Manifest().Version(), "milliseconds", time.Since(begun).Milliseconds())
	}
}

func (s *slot) start(life context.Context, c *content) (*role.Role, error) {
	if c.err != nil {
		return nil, c.err
	}
	ctx, cancel := context.WithTimeoutCause(life, s.reloader.cfg.Times.Start,
		fmt.Errorf("did not come to life within %v", s.reloader.cfg.Times.Start))
	defer cancel()
	next, err := s.reloader.cfg.Start(ctx, role.Source{File: s.file, Text: c.text, Lib: c.libs.read, State: s.state(ctx)})
	if err != nil {
		return nil, err
	}
	if err := s.reloader.claim(next.Name(), s.file); err != nil {
		next.Kill(err)
		return nil, err
	}
	return next, nil
}

// state asks the version that runs what the next one should know. A role that cannot say it in time has nothing to say.
func (s *slot) state(ctx context.Context) any {
	if s.running == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	state, err := s.running.State(ctx)
	if err != nil {
		s.reloader.cfg.Log.Warn("save_state failed", "role", s.running.Name(), "error", err)
	}
	return state
}

// change switches from the version that runs to the next.
func (s *slot) change(life context.Context, next *role.Role, made *content, begun time.Time) {
	old := s.running
	if old != nil && !made.equal(s.serving) { // not when it was only brought to life again
		s.before = s.serving
	}
	s.running, s.serving = next, made
	s.reloader.cfg.Table.Swap(next.Name(), next)
	if old != nil {
		s.part(life, old, next.Name())
	}
	s.record(Running, made, "", begun)
	s.serve(next)
}

// part lets an old version come to its end. Its name, when the file changed it, is free again.
func (s *slot) part(life context.Context, old *role.Role, now string) {
	if old.Name() != now {
		s.reloader.cfg.Table.Swap(old.Name(), nil)
		s.reloader.disclaim(old.Name(), s.file)
	}
	s.old.cut()
	s.old = retire(life, old, s.reloader.cfg.Times.Drain)
}

// remove ends the role with its file.
func (s *slot) remove(life context.Context) {
	if s.report().State == Stopped {
		return
	}
	begun, last := time.Now(), s.tried
	s.end(life)
	s.record(Stopped, last, "the file is gone", begun)
	s.say(Stopped, "the file is gone")
}

// end ends what runs; nothing of the file is tried then.
func (s *slot) end(life context.Context) {
	s.tried = nil
	s.deaths.forget()
	if s.running != nil {
		old := s.running
		s.running = nil
		s.part(life, old, "")
	}
}

// bury takes note of a death, and lets the role be started again after a pause, unless it dies too often.
func (s *slot) bury() {
	dead := s.running
	s.running = nil
	s.reloader.cfg.Table.Swap(dead.Name(), nil)
	reason := dead.Err().Error()
	s.reloader.cfg.Log.Error("role died", "role", dead.Name(), "file", s.file, "error", reason)
	if s.deaths.add(time.Now()) {
		reason = fmt.Sprintf("died %d times in %v, last: %s", maxDeaths, deathWindow, reason)
		s.record(Quarantined, s.serving, reason, time.Now())
		s.confine(reason)
		return
	}
	s.say(Restarting, reason)
}

// bringAgain is for a content that has been tried. While it is refused, the version before it is what serves anew.
func (s *slot) bringAgain(life context.Context, c *content) {
	before := s.running
	s.bring(life, c)
	if before != nil && s.running == before {
		s.revive(life)
	}
}

// revive brings to life again what last served. When the file holds something else by now that was refused, it stays
// refused.
func (s *slot) revive(life context.Context) {
	s.deaths.timer = nil
	tried, refusal := s.tried, s.report().Refusal
	s.bring(life, s.serving)
	s.tried = tried
	if s.running != nil && refusal != nil {
		s.mu.Lock()
		s.status.Refusal = refusal
		s.mu.Unlock()
	}
}

// rollBack brings the version before to life again: the first handlers of the one that runs have all failed. The file
// is not looked at again until it changes.
func (s *slot) rollBack(life context.Context) {
	failed, begun := s.serving, time.Now()
	const reason = "its first handlers all failed: the version before serves again"
	s.bring(life, s.before)
	s.before, s.tried = nil, failed
	s.record(RolledBack, failed, reason, begun)
	s.refuse(failed, errors.New(reason))
}

// retire ends the slot for good, with the agent. The slot's own goroutine has ended.
func (s *slot) retire(ctx context.Context) {
	if s.running != nil {
		s.reloader.cfg.Table.Swap(s.running.Name(), nil)
		if err := s.running.Drain(ctx); err != nil {
			s.reloader.cfg.Log.Warn("role ended before it was done", "role", s.running.Name(), "error", err)
		}
	}
	s.old.cut()
}
