package role

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// rate lets so many things pass in a second, and a burst of them at once.
type rate struct {
	perSecond, burst float64

	mu   sync.Mutex
	left float64
	seen time.Time
}

func newRate(perSecond, burst int) *rate {
	return &rate{perSecond: float64(perSecond), burst: float64(burst), left: float64(burst), seen: time.Now()}
}

// take reports whether one more may pass now.
func (r *rate) take() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.left = min(r.burst, r.left+now.Sub(r.seen).Seconds()*r.perSecond)
	r.seen = now
	if r.left < 1 {
		return false
	}
	r.left--
	return true
}

// limited is a role's log with a limit of lines: a role that logs in a loop must not fill the disk, nor drown what
// others say. What is dropped is counted, and said with the next line that passes.
type limited struct {
	slog.Handler
	rate    *rate
	dropped *atomic.Int64
}

func limitLog(log *slog.Logger, l Limits) *slog.Logger {
	return slog.New(limited{log.Handler(), newRate(l.Lines, 10*l.Lines), new(atomic.Int64)})
}

// Handle passes a line on, or drops it.
func (h limited) Handle(ctx context.Context, r slog.Record) error {
	if !h.rate.take() {
		h.dropped.Add(1)
		return nil
	}
	if n := h.dropped.Swap(0); n > 0 {
		lost := slog.NewRecord(r.Time, slog.LevelWarn, "the role logs too much: lines were dropped", 0)
		lost.AddAttrs(slog.Int64("lines", n))
		if err := h.Handler.Handle(ctx, lost); err != nil {
			return err
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the limit.
func (h limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return limited{h.Handler.WithAttrs(attrs), h.rate, h.dropped}
}

// WithGroup keeps the limit.
func (h limited) WithGroup(name string) slog.Handler {
	return limited{h.Handler.WithGroup(name), h.rate, h.dropped}
}
