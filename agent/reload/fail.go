package reload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// turnAway is for a content that cannot be brought to life, now or at all. What runs goes on; where nothing does, the
// last version that served comes back.
func (s *slot) turnAway(life context.Context, c *content, err error, begun time.Time) {
	if !late(err) {
		s.late = 0
	} else {
		s.again.in(s.late)
		s.late++
	}
	if s.late < 2 { // the first attempt of many tells it all
		s.record(Refused, c, err.Error(), begun)
	}
	s.refuse(c, err)
	if s.running == nil {
		s.fallBack(life)
	}
}

// late reports whether the machine rather than the file is to blame.
func late(err error) bool { return errors.Is(err, errLate) || errors.Is(err, role.ErrNoWorker) }

// retry makes the attempt that was planned: at what came too late, or else at what died.
func (s *slot) retry(life context.Context) {
	s.again.forget()
	if s.late > 0 {
		s.bring(life, s.tried)
		return
	}
	s.revive(life)
}

// revive brings to life again what last served. When the file holds something else by now that was refused, it stays
// refused.
func (s *slot) revive(life context.Context) {
	if s.serving.equal(s.tried) {
		s.bring(life, s.serving)
		return
	}
	s.fallBack(life)
}

// bringAgain is for a content that has been tried. While it is refused, the version before it is what serves anew.
func (s *slot) bringAgain(life context.Context, c *content) {
	before := s.running
	s.bring(life, c)
	if before != nil && s.running == before {
		s.fallBack(life)
	}
}

// fallBack brings to life what last served, beside the refusal of what the file holds now.
func (s *slot) fallBack(life context.Context) {
	good, reason := s.serving, ""
	if good == nil {
		good, reason = s.kept, "the file cannot serve: this is the version that was kept from before the agent started"
	}
	if good == nil || s.tried.covers(good) {
		return
	}
	refusal, begun := s.refusal(), time.Now()
	next, err := s.start(life, good)
	if err != nil {
		s.reloader.cfg.Log.Error("the last good version does not come to life", "file", s.file, "version", good.version(), "error", err)
		if late(err) && s.again.timer == nil {
			s.again.in(len(s.deaths))
		}
		return
	}
	s.change(life, next, good)
	s.record(Running, good, reason, begun)
	s.serve(next, reason, refusal)
	s.reloader.cfg.Log.Warn("the last good version serves", "role", next.Name(), "file", s.file, "version", good.version())
}

// rollBack brings the version before to life again: the first handlers of the one that runs have all failed. The file
// is not looked at again until it changes.
func (s *slot) rollBack(life context.Context) {
	failing, failed, begun := s.running, s.serving, time.Now()
	const reason = "its first handlers all failed: the version before serves again"
	s.bring(life, s.before)
	s.before, s.tried, s.late = nil, failed, 0
	s.again.forget()
	if s.running == failing { // the one before is no better
		return
	}
	s.record(RolledBack, failed, reason, begun)
	s.refuse(failed, errors.New(reason))
}

// bury takes note of a death, and lets the role be started again after a pause, unless it dies too often.
func (s *slot) bury() {
	dead := s.running
	s.running = nil
	s.reloader.cfg.Table.Swap(dead.Name(), nil)
	reason := dead.Err().Error()
	s.reloader.cfg.Log.Error("role died", "role", dead.Name(), "file", s.file, "error", reason)
	deaths := s.deaths.add(time.Now())
	if deaths >= maxDeaths {
		s.again.forget()
		reason = fmt.Sprintf("died %d times in %v, last: %s", maxDeaths, deathWindow, reason)
		s.record(Quarantined, s.serving, reason, time.Now())
		s.confine(reason)
		return
	}
	s.again.in(deaths - 1)
	s.say(Restarting, reason)
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

// end ends what runs; nothing of the file is tried then, or kept.
func (s *slot) end(life context.Context) {
	s.forget()
	if s.running != nil {
		s.reloader.cfg.Table.Swap(s.running.Name(), nil)
		s.part(life, s.running)
	}
	s.running, s.serving, s.before, s.tried, s.kept, s.served = nil, nil, nil, nil, nil, ""
	s.name("")
	s.keep(nil)
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
