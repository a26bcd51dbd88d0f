package session

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

const (
	// settle lets what belongs to one change, such as a switch between two users, come together.
	settle = 50 * time.Millisecond
	// retry is how long to leave a system alone that could not say who is logged in.
	retry = 5 * time.Second
)

// Follow calls changed with the sessions that there are, at once and then whenever they are others or otherwise than
// before, until ctx ends. While the system cannot be asked, what it said last counts.
func (m Machine) Follow(ctx context.Context, changed func([]Session)) {
	f := follower{changed: changed, log: m.Log}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	for ctx.Err() == nil {
		src, err := m.open(ctx)
		if err == nil {
			err = f.watch(ctx, src)
			src.close()
		}
		if ctx.Err() == nil {
			f.complain(err)
			pause(ctx, nil, retry)
		}
	}
}

type follower struct {
	changed func([]Session)
	log     *slog.Logger
	known   bool
	last    []Session
	trouble string
}

// watch looks at each hint, and at the source's own pace without one, until the source fails or ctx ends.
func (f *follower) watch(ctx context.Context, src *source) error {
	for {
		now, err := src.sessions(ctx)
		if err != nil {
			return err
		}
		f.trouble = ""
		if !f.known || !slices.EqualFunc(f.last, now, equal) {
			f.known, f.last = true, now
			f.changed(slices.Clone(now))
		}
		if !pause(ctx, src.hints, src.every) {
			return nil
		}
		if !pause(ctx, nil, settle) {
			return nil
		}
	}
}

// equal compares with Time.Equal what == would compare by its parts.
func equal(a, b Session) bool {
	same := a.Since.Equal(b.Since)
	a.Since, b.Since = time.Time{}, time.Time{}
	return same && a == b
}

// complain says a trouble once.
func (f *follower) complain(err error) {
	if err != nil && err.Error() != f.trouble {
		f.trouble = err.Error()
		f.log.Warn("who is logged in cannot be told; what was last known counts", "error", err)
	}
}

// pause waits for a hint or for d, and reports false when ctx ended.
func pause(ctx context.Context, hints <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-hints:
	case <-timer.C:
	}
	return true
}
