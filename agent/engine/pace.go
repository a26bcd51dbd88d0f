package engine

import (
	"context"
	"time"
)

// pace spaces the tries of one thing out: each failure doubles the wait, up to a bound; success starts anew.
type pace struct {
	first, most time.Duration
	failures    int
}

func (p *pace) next() time.Duration {
	d := p.first << min(p.failures, 20)
	if d > p.most || d <= 0 {
		return p.most
	}
	p.failures++
	return d
}

// jittered adds up to half of d to it, so that a thousand devices do not come back as one.
func (c *Client) jittered(d time.Duration) time.Duration {
	return d + time.Duration(c.cfg.Jitter()*float64(d)/2)
}

// around is d give or take a tenth.
func (c *Client) around(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*c.cfg.Jitter()))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sleepOr sleeps for d, but looks every so often whether there is a reason to wake earlier.
func sleepOr(ctx context.Context, d, every time.Duration, wake func() bool) error {
	for d > 0 {
		if wake() {
			return nil
		}
		if err := sleep(ctx, min(d, every)); err != nil {
			return err
		}
		d -= every
	}
	return nil
}
