package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

const (
	offerLife  = 5 * time.Second        // from Offer to the last moment of sending
	offerPause = 500 * time.Millisecond // between two tries
	offerItems = 32
	offerBytes = 32 << 20
)

// offered is a result that is worth sending until its end.
type offered struct {
	wire.Result
	end time.Time
}

// lane holds what was offered, in memory and bounded.
type lane struct {
	dropped atomic.Uint64
	more    chan struct{} // holds one token while there may be something to send

	mu    sync.Mutex
	queue []offered
	bytes int
}

func newLane() *lane { return &lane{more: make(chan struct{}, 1)} }

// offer queues r, making room for it at the cost of older ones.
func (l *lane) offer(r wire.Result) error {
	if len(r.Data) > offerBytes {
		return fmt.Errorf("%w: %d bytes of %d", ErrTooBig, len(r.Data), offerBytes)
	}
	r.Data = slices.Clone(r.Data)
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.supersededLocked(r); i >= 0 {
		l.takeLocked(i)
		l.dropped.Add(1)
	}
	for len(l.queue) >= offerItems || l.bytes+len(r.Data) > offerBytes {
		l.takeLocked(l.victimLocked(r))
		l.dropped.Add(1)
	}
	l.queue = append(l.queue, offered{Result: r, end: time.Now().Add(offerLife)})
	l.bytes += len(r.Data)
	nudge(l.more)
	return nil
}

// supersededLocked is the one that waits and that r is a newer state of; -1 for none.
func (l *lane) supersededLocked(r wire.Result) int {
	return slices.IndexFunc(l.queue, func(o offered) bool {
		return r.ID != "" && o.ID == r.ID && o.Role == r.Role && o.Event == r.Event
	})
}

// victimLocked is whom r pushes out: its own predecessor, so that a role that offers much harms no other; else the oldest.
func (l *lane) victimLocked(r wire.Result) int {
	same := func(o offered) bool { return o.Role == r.Role && o.Event == r.Event }
	return max(0, slices.IndexFunc(l.queue, same))
}

func (l *lane) takeLocked(i int) offered {
	o := l.queue[i]
	l.queue = slices.Delete(l.queue, i, i+1)
	l.bytes -= len(o.Data)
	return o
}

func (l *lane) next() (offered, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return offered{}, false
	}
	return l.takeLocked(0), true
}

// run sends what is offered, one at a time, until ctx ends.
func (l *lane) run(ctx context.Context, s Sender) {
	for ctx.Err() == nil {
		o, ok := l.next()
		if !ok {
			select {
			case <-ctx.Done():
			case <-l.more:
			}
			continue
		}
		if !send(ctx, s, o) {
			l.dropped.Add(1)
		}
	}
}

// send tries until o's end.
func send(ctx context.Context, s Sender, o offered) bool {
	ctx, cancel := context.WithDeadline(ctx, o.end)
	defer cancel()
	for ctx.Err() == nil {
		err := s.Emit(ctx, o.Event, o.Data)
		if err == nil || errors.Is(err, ErrRefused) {
			return err == nil
		}
		pause := time.NewTimer(offerPause)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
	return false
}
