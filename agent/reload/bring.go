package reload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// errLate is a version that did not come to life in its time. The machine may be busy: it is tried again.
var errLate = errors.New("did not come to life")

// bring brings a version to life, in the place of the one that runs.
func (s *slot) bring(life context.Context, c *content) {
	s.tried = c
	s.again.forget()
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
	case err != nil && life.Err() != nil: // the agent ends, which says nothing of the content
	case err != nil:
		s.turnAway(life, c, err, begun)
	default:
		s.late = 0
		s.change(life, next, c)
		s.record(Running, c, "", begun)
		s.serve(next, "", nil)
		s.keep(c.narrow(next.Manifest().Requires))
		s.reloader.cfg.Log.Info("role serves", "role", next.Name(), "file", s.file,
			"version", next.Manifest().Version(), "milliseconds", time.Since(begun).Milliseconds())
	}
}

func (s *slot) start(life context.Context, c *content) (*role.Role, error) {
	if c.err != nil {
		return nil, c.err
	}
	ctx, cancel := context.WithTimeoutCause(life, s.reloader.cfg.Times.Start,
		fmt.Errorf("%w within %v", errLate, s.reloader.cfg.Times.Start))
	defer cancel()
	next, err := s.reloader.cfg.Start(ctx, role.Source{
		File: s.file, Text: c.text, Lib: c.libs.read, State: s.state(ctx),
		Admit: s.admit,
	})
	if err != nil {
		s.name(s.served)
	}
	return next, err
}

// admit lets a version run that was read and found sound. It needs its name, and room: the version before the one that
// serves must be gone, so that at most two live.
func (s *slot) admit(m role.Manifest) error {
	if err := s.reloader.names.claim(m.Name, s.file); err != nil {
		return err
	}
	s.old.end(s.reloader.cfg.Times.Grace)
	return nil
}

// name leaves the file one name, and gives those a chance that were refused for another of its names.
func (s *slot) name(name string) {
	if refused := s.reloader.names.keep(name, s.file); len(refused) > 0 {
		s.reloader.renew(refused)
	}
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
func (s *slot) change(life context.Context, next *role.Role, made *content) {
	old := s.running
	switch {
	case s.kept != nil: // since the agent was started nothing has served
		if !made.covers(s.kept) {
			s.before = s.kept
		}
	case old != nil && !made.equal(s.serving): // else it was only brought to life again
		s.before = s.serving
	}
	s.running, s.serving, s.kept = next, made, nil
	if old == nil {
		s.reloader.cfg.Table.Swap(next.Name(), next)
	} else {
		s.reloader.cfg.Table.Rename(old.Name(), next.Name(), next)
		s.part(life, old)
	}
	s.served = next.Name()
	s.name(s.served)
}

// part lets an old version come to its end.
func (s *slot) part(life context.Context, old *role.Role) {
	s.old.end(s.reloader.cfg.Times.Grace)
	s.old = retire(life, old, s.reloader.cfg.Times.Drain)
}

// keep keeps a content over a restart; nil keeps none.
func (s *slot) keep(c *content) {
	digest := ""
	if c != nil {
		digest = c.digest()
	}
	if digest != s.shelved {
		s.shelved = digest
		s.reloader.shelf.save(s.file, c)
	}
}
