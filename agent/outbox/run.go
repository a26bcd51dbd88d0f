package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	firstPause = 500 * time.Millisecond // after the first failure; half of it up or down, so that a fleet does not come in step
	maxPause   = time.Minute
	clearAt    = 64 // results that are done with, at most, before they are taken off the disk
)

// Run sends what is put and what is offered until ctx ends or the outbox is closed, and then returns nil once
// nothing of it runs any more. One Run at a time: a second one gets ErrRunning.
func (o *Outbox) Run(ctx context.Context, s Sender) error {
	ctx, done, err := o.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	offers := make(chan struct{})
	go func() {
		defer close(offers)
		o.lane.run(ctx, s)
	}()
	o.sendAll(ctx, s)
	<-offers
	return nil
}

// begin makes this the one Run in progress.
func (o *Outbox) begin(ctx context.Context) (context.Context, func(), error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return nil, nil, ErrClosed
	case o.running != nil:
		return nil, nil, ErrRunning
	}
	ctx, stop := context.WithCancel(ctx)
	running := make(chan struct{})
	o.stop, o.running = stop, running
	return ctx, func() {
		stop()
		o.mu.Lock()
		o.running = nil
		o.mu.Unlock()
		close(running)
	}, nil
}

// run is the state of one Run's durable half.
type run struct {
	*Outbox
	s        Sender
	pauses   *backoff.ExponentialBackOff
	failures int      // in a row
	done     []uint64 // results with which there is nothing more to do, though the disk does not say so yet
}

func (o *Outbox) sendAll(ctx context.Context, s Sender) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = firstPause, maxPause
	r := &run{Outbox: o, s: s, pauses: pauses}
	for {
		err := r.pass(ctx)
		if ctx.Err() != nil || errors.Is(err, ErrClosed) {
			return
		}
		r.pause(ctx, err)
	}
}

// pass sends all that waits, from the oldest on, and what is put meanwhile, until something fails.
func (r *run) pass(ctx context.Context) error {
	if err := r.clear(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	air := newAirspace(cancel)
	err := r.send(ctx, air)
	cancel(err) // unless a flight was the first to fail
	err = context.Cause(ctx)
	for air.flights > 0 {
		r.note(air.left(<-air.landed))
	}
	return errors.Join(err, r.clear())
}

func (r *run) send(ctx context.Context, air *airspace) error {
	for last := uint64(0); ; {
		number, e, found, err := r.next(air, last)
		if err != nil {
			return err
		}
		if found {
			if err := r.launch(ctx, air, number, e); err != nil {
				return err
			}
			last = number
		}
		if !found || len(r.done) >= clearAt {
			if err := r.clear(); err != nil {
				return err
			}
		}
		if err := r.land(ctx, air, !found); err != nil {
			return err
		}
	}
}

// next is the next result to send, if there is one, and room for it.
func (r *run) next(air *airspace, last uint64) (number uint64, e entry, found bool, err error) {
	if !air.room() {
		return 0, entry{}, false, nil
	}
	return r.store.next(last)
}

// launch sends e and lets somebody wait for what becomes of it.
func (r *run) launch(ctx context.Context, air *airspace, number uint64, e entry) error {
	received, err := r.s.Send(ctx, e.Event, e.Data)
	if errors.Is(err, ErrRefused) {
		r.opts.Log.Error("result can not be delivered and is let go",
			"id", e.ID, "role", e.Role, "event", e.Event, "bytes", len(e.Data), "since", e.At, "err", err)
		r.done = append(r.done, number)
		return nil
	}
	if err != nil {
		return fmt.Errorf("result %q of %q: %w", e.ID, e.Role, err)
	}
	f := flight{number: number, size: len(e.Data), id: e.ID, role: e.Role, event: e.Event, since: e.At}
	air.launch(f, func() error { return received(ctx) })
	return nil
}

// land takes what has come of the flights; if it is to wait, until something comes of one or something is put.
func (r *run) land(ctx context.Context, air *airspace, wait bool) error {
	if wait {
		put := r.put
		if !air.room() {
			put = nil
		}
		select {
		case f := <-air.landed:
			r.note(air.left(f))
		case <-put:
		case <-ctx.Done():
		}
	}
	for len(air.landed) > 0 {
		r.note(air.left(<-air.landed))
	}
	return ctx.Err()
}

// note takes down what became of a flight.
func (r *run) note(f flight) {
	if f.err != nil {
		return // the pass ends of it
	}
	r.opts.Log.Debug("result is delivered", "id", f.id, "role", f.role, "event", f.event, "bytes", f.size, "since", f.since)
	r.done = append(r.done, f.number)
}

// clear takes off the disk what is done with: all of it in one write, since a disk is slower than most Engines.
func (r *run) clear() error {
	if len(r.done) == 0 {
		return nil
	}
	freed, err := r.store.remove(r.done)
	if err != nil {
		return fmt.Errorf("%d results are sent, but stay on disk: %w", len(r.done), err)
	}
	r.release(len(r.done), freed)
	r.done = r.done[:0]
	r.succeeded()
	return nil
}

// pause waits after a failure. Only the first of a row is worth a warning: an Engine may be away for days.
func (r *run) pause(ctx context.Context, err error) {
	wait := r.pauses.NextBackOff()
	r.failures++
	tell := r.opts.Log.Debug
	if r.failures == 1 {
		tell = r.opts.Log.Warn
	}
	tell("results wait for the engine", "waiting", r.Len(), "pause", wait, "err", err)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (r *run) succeeded() {
	if r.failures > 0 {
		r.opts.Log.Info("results reach the engine again", "waiting", r.Len(), "failures", r.failures)
	}
	r.failures = 0
	r.pauses.Reset()
}
