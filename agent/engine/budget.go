package engine

import (
	"context"
	"fmt"
	"time"
)

// The Engine counts at most 60 calls of a device in any 60 seconds, over both of its processes. Each process keeps to
// less than half of that, and leaves a part of it to the calls that keep the device online.
const (
	budgetSpan    = 61 * time.Second // a second for calls that catch up with each other on the way
	budgetDefault = 28
	budgetReserve = 4 // of it, for the core's own calls
)

// budget remembers when the last calls went out, oldest first.
type budget []time.Time

// take counts a call if less than most went out lately, else says how long to wait.
func (b *budget) take(now time.Time, most int) time.Duration {
	for len(*b) > 0 && now.Sub((*b)[0]) >= budgetSpan {
		*b = (*b)[1:]
	}
	if over := len(*b) - most; over >= 0 {
		return max((*b)[over].Add(budgetSpan).Sub(now), time.Millisecond)
	}
	*b = append(*b, now)
	return 0
}

// spend waits until a device call may go out. A caller whose time ends before that is told at once.
func (c *Client) spend(ctx context.Context, p posting) error {
	if p.token == "" {
		return nil
	}
	most := c.cfg.CallsPerMinute
	if !p.core {
		most = max(most-budgetReserve, 1)
	}
	for {
		c.mu.Lock()
		wait := c.budget.take(c.cfg.Now(), most)
		c.mu.Unlock()
		if wait == 0 {
			return nil
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return fmt.Errorf("post %q: %w for %v: %d calls a minute are the limit", p.path, ErrPutOff, wait.Round(time.Second), most)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}
