package engine

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errSlept ends what was begun before the machine slept: the other end has long given it up.
var errSlept = errors.New("the machine was asleep, or its clock was set")

const (
	lookAtClock = 5 * time.Second
	// sleepShows is how much longer the time between two looks must be to count; a busy machine is late too.
	sleepShows = 10 * time.Second
)

// whileAwake gives a context that ends with errSlept once the clock on the wall has gone on by more than this process has
// waited. A sleeping machine stops the waiting, and with it the watchdog of its session, but not its Engine.
func (c *Client) whileAwake(ctx context.Context) (awake context.Context, done func()) {
	awake, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		for before := c.wall(); sleep(awake, lookAtClock) == nil; before = c.wall() {
			if c.wall().Sub(before) >= lookAtClock+sleepShows {
				cancel(errSlept)
			}
		}
	})
	return awake, func() {
		cancel(context.Canceled)
		watch.Wait()
	}
}

// wall is the time without its monotonic reading, which stands still while some systems sleep.
func (c *Client) wall() time.Time { return c.cfg.Now().Round(0) }
