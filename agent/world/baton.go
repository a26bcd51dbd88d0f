package world

import (
	"context"
	"slices"
	"sync"
)

// baton is a world's one lock: who holds it runs Lua. It is handed on in the order in which places in its line were
// taken, so events run in the order in which they arrived.
type baton struct {
	mu    sync.Mutex
	taken bool
	line  []place
}

// place is closed when its owner holds the baton.
type place chan struct{}

// queue takes a place in the line. Every place must be waited for.
func (b *baton) queue() place {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := make(place)
	if b.taken {
		b.line = append(b.line, p)
		return p
	}
	b.taken = true
	close(p)
	return p
}

// wait returns when the baton has reached the place, or gives the place up with ctx.
func (b *baton) wait(ctx context.Context, p place) error {
	select {
	case <-p:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	i := slices.Index(b.line, p)
	if i >= 0 {
		b.line = slices.Delete(b.line, i, i+1)
	}
	b.mu.Unlock()
	if i < 0 { // it arrived in the same moment
		b.pass()
	}
	return context.Cause(ctx)
}

// pass hands the baton to the next in line.
func (b *baton) pass() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.line) == 0 {
		b.taken = false
		return
	}
	close(b.line[0])
	b.line = slices.Delete(b.line, 0, 1)
}
