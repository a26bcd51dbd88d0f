package engine

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	skewNoise  = 5 * time.Second  // below it, the way and the header's whole seconds explain the difference
	skewNews   = 30 * time.Second // a change of this size is worth a line
	skewTooFar = 10 * time.Second // an answer that took longer measures nothing
)

// clock measures how far the Engine's clock is ahead of this machine's.
type clock struct {
	log *slog.Logger

	mu    sync.Mutex
	known bool
	skew  time.Duration
	said  time.Duration
}

// read takes the Date of an answer to a request that was made at sent and answered at got.
func (c *clock) read(date string, sent, got time.Time) {
	at, err := http.ParseTime(date)
	took := got.Sub(sent)
	if err != nil || took < 0 || took > skewTooFar {
		return
	}
	const half = time.Second / 2 // the header has whole seconds
	skew := at.Add(half).Sub(sent.Add(took / 2))
	c.mu.Lock()
	c.known, c.skew = true, skew
	news := (skew - c.said).Abs() >= skewNews
	if news {
		c.said = skew
	}
	c.mu.Unlock()
	switch {
	case news && skew.Abs() >= skewNews:
		c.log.Warn("this machine's clock is wrong, or the Engine's is: have it set by a time server", "engine_ahead_by", skew.Round(time.Second))
	case news:
		c.log.Info("this machine's clock agrees with the Engine's again")
	}
}

// now is the last measure, nil when there is none.
func (c *clock) now() *time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		return nil
	}
	skew := c.skew
	return &skew
}

// ClockSkew is how far the Engine's clock is ahead of this machine's, by the last answer; 0 until there was one. It is
// good to about a second.
func (c *Client) ClockSkew() time.Duration {
	if skew := c.clock.now(); skew != nil {
		return *skew
	}
	return 0
}
