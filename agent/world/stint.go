package world

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/world/sandbox"
	lua "github.com/yuin/gopher-lua"
)

// stint is one run of a role's Lua, from taking the baton to giving it back for good: an event, a hook, a callback.
type stint struct {
	world  *World
	cancel context.CancelCauseFunc
	left   time.Duration // of Limits.Processor

	mu      sync.Mutex
	running *meter // nil while something outside of Lua is waited for
}

// stretch is how many times its processor time a stint may take by the clock. It ends what holds the baton without
// using the processor.
const stretch = 20

// meter measures what one run between two waits uses of the processor. By the clock alone, a machine that is busy with
// something else would make every role a busy one.
type meter struct {
	since time.Time
	spent time.Duration // what the process had used by then
	alarm *time.Timer
}

// used is never more than what the clock says, though the collector may work beside the role.
func (m *meter) used(processor func() time.Duration) time.Duration {
	return min(time.Since(m.since), processor()-m.spent)
}

type stintKey struct{}

// maxIdle is how many threads wait to be used again; each keeps 24 KiB.
const maxIdle = 4

// thread gives a thread that nothing runs on.
func (w *World) thread() *lua.LState {
	if n := len(w.idle); n > 0 {
		thread := w.idle[n-1]
		w.idle = w.idle[:n-1]
		return thread
	}
	thread, _ := w.state.NewThread()
	return thread
}

// rest keeps a thread for the next stint.
func (w *World) rest(thread *lua.LState) {
	if len(w.idle) < maxIdle {
		thread.SetTop(0)
		w.idle = append(w.idle, thread)
	}
}

// run waits for the place's turn and runs f on a thread of its own. A thread that ended in an error is thrown away: it
// is in no state to be used again.
func (w *World) run(ctx context.Context, p place, f func(L *lua.LState) error) (err error) {
	if err := w.baton.wait(ctx, p); err != nil {
		return err
	}
	defer w.baton.pass()
	balance := w.purse.balance()
	if balance <= 0 {
		return ErrTired
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &stint{world: w, cancel: cancel, left: min(w.limits.Processor, balance)}
	thread := w.thread()
	thread.SetContext(context.WithValue(ctx, stintKey{}, s))
	s.resume(thread)
	defer s.pause()
	defer func() {
		if p := recover(); p != nil { // gopher-lua's own protected call can panic
			err = fmt.Errorf("lua: %v", p)
		}
		err = because(ctx, err)
	}()
	if err = f(thread); err == nil {
		w.rest(thread)
	}
	return err
}

// because names the reason when it was the end of its context that ended a stint.
func because(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return readable(err)
	}
	cause := context.Cause(ctx)
	if at, _, ok := strings.Cut(readable(err).Error(), ": "); ok && strings.Contains(at, ".lua:") {
		return fmt.Errorf("%s: %w", at, cause)
	}
	return cause
}

// readable takes the message of a Lua error, with its place, without its traceback.
func readable(err error) error {
	var api *lua.ApiError
	if !errors.As(err, &api) || api.Object == nil {
		return err
	}
	return errors.New(sandbox.Describe(err))
}

// resume marks the thread as the one that runs, and starts the clock.
func (s *stint) resume(L *lua.LState) {
	L.G.CurrentThread = L
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &meter{since: time.Now(), spent: s.world.processor()}
	m.alarm = time.AfterFunc(s.left, func() { s.ring(m) })
	s.running = m
	s.world.governor.watch(s)
}

// ring ends the stint if it has used up its processor time, and else looks again when it may have.
func (s *stint) ring(m *meter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != m {
		return
	}
	left := s.left - m.used(s.world.processor)
	if left <= 0 || time.Since(m.since) > stretch*s.world.limits.Processor {
		s.cancel(ErrBusy)
		return
	}
	m.alarm.Reset(max(left, time.Millisecond))
}

func (s *stint) pause() {
	s.world.governor.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running.alarm.Stop()
	used := s.running.used(s.world.processor)
	s.running = nil
	s.left -= used
	s.world.purse.pay(used)
}

// away gives the baton back while f waits for something outside of Lua, and takes it again afterwards: what Lua
// was doing cannot go on without it, whatever has become of the stint meanwhile.
func (s *stint) away(L *lua.LState, f func(context.Context)) {
	s.pause()
	s.world.baton.pass()
	f(L.Context())
	<-s.world.baton.queue()
	s.resume(L)
}

// stintOf finds the stint that a thread, or a coroutine of it, runs in.
func stintOf(L *lua.LState) *stint {
	if ctx := L.Context(); ctx != nil {
		s, _ := ctx.Value(stintKey{}).(*stint)
		return s
	}
	return nil
}
