package role

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
)

// ErrEnded is the cause of a role's end when it was asked to end.
var ErrEnded = errors.New("the role was ended")

// State asks the role what the next version of it should know; nil when it has nothing to say.
func (r *Role) State(ctx context.Context) (state any, err error) {
	err = r.peer.Call(ctx, contract.State, nil, &state)
	return state, err
}

// Drain ends the role in order: no new events, those under way come to their end or to ctx's, stop_all runs, what is
// open is closed, and the worker leaves. It returns when nothing of the role is left.
func (r *Role) Drain(ctx context.Context) error {
	r.mailbox.close()
	late := r.idle(ctx)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Limits.Stop)
	defer cancel()
	err := r.peer.Call(stop, contract.Stop, nil, nil)
	if err != nil && r.ctx.Err() == nil {
		r.log.Warn("stop_all failed", "error", err)
	}
	if left := r.set.Left(); len(left) > 0 && r.ctx.Err() == nil {
		r.log.Warn("the role left things open: they are closed", "left", strings.Join(left, ", "))
	}
	reason := ErrEnded
	if late != nil {
		reason = fmt.Errorf("%w before its handlers had come to an end", ErrEnded)
	}
	r.Kill(reason)
	return late
}

// idle waits until every letter is done with.
func (r *Role) idle(ctx context.Context) error {
	done := make(chan struct{})
	go func() { // ends at the latest with the role, which finishes every letter
		r.mailbox.open.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-r.dead:
		return r.Err()
	case <-ctx.Done():
		waiting, under := r.mailbox.counts()
		return fmt.Errorf("%d events of role %q: %w", waiting+under, r.manifest.Name, context.Cause(ctx))
	}
}

// Busy reports whether events wait or are under way.
func (r *Role) Busy() bool {
	waiting, under := r.mailbox.counts()
	return waiting+under > 0
}

// Kill ends the role at once and waits until nothing of it is left.
func (r *Role) Kill(reason error) {
	r.cut(reason)
	<-r.dead
}

// cut begins the end: live sees to the rest.
func (r *Role) cut(reason error) {
	r.mailbox.close()
	r.end(reason)
	r.worker.hangup()
}
