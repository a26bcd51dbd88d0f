package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	firstPause = 500 * time.Millisecond // after the first failure; half of it up or down, so that a fleet does not come in step
	maxPause   = time.Minute
	sendLimit  = 5 * time.Minute // for one try: ten megabytes over a slow line take a minute or two
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
	failures int    // in a row
	has      []byte // key of the result that the Engine has, though the disk does not say so yet
}

func (o *Outbox) sendAll(ctx context.Context, s Sender) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = firstPause, maxPause
	r := &run{Outbox: o, s: s, pauses: pauses}
	for ctx.Err() == nil {
		sent, err := r.step(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, ErrClosed):
			return
		case err != nil:
			r.pause(ctx, err)
		case sent:
			r.succeeded()
		default:
			select {
			case <-ctx.Done():
			case <-o.put:
			}
		}
	}
}

// step sends the oldest result, if there is one, and takes it off the disk.
func (r *run) step(ctx context.Context) (sent bool, err error) {
	key, e, found, err := r.store.first()
	if err != nil || !found {
		return false, err
	}
	if !bytes.Equal(key, r.has) {
		if err := r.deliver(ctx, e); err != nil {
			return false, err
		}
		r.has = key
	}
	freed, err := r.store.remove(key)
	if err != nil {
		return false, fmt.Errorf("result %q of %q is sent, but stays on disk: %w", e.ID, e.Role, err)
	}
	r.release(freed)
	return true, nil
}

// deliver returns nil when there is nothing more to do for e: the Engine has it, or can never have it.
func (r *run) deliver(ctx context.Context, e entry) error {
	limited, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	err := r.s.Emit(limited, e.Event, e.Data)
	if errors.Is(err, ErrRefused) {
		r.opts.Log.Error("result can not be delivered and is let go",
			"id", e.ID, "role", e.Role, "event", e.Event, "bytes", len(e.Data), "since", e.At, "err", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("result %q of %q: %w", e.ID, e.Role, err)
	}
	r.opts.Log.Debug("result is delivered", "id", e.ID, "role", e.Role, "event", e.Event, "bytes", len(e.Data), "since", e.At)
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
	case <-r.wake:
		r.pauses.Reset()
	}
}

func (r *run) succeeded() {
	if r.failures > 0 {
		r.opts.Log.Info("results reach the engine again", "waiting", r.Len(), "failures", r.failures)
	}
	r.failures = 0
	r.pauses.Reset()
}
