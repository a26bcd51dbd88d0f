package role

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// rate lets so much pass in a second, and a burst of it at once.
type rate struct {
	perSecond, burst float64

	mu   sync.Mutex
	left float64
	seen time.Time
}

func newRate(perSecond, burst int) *rate {
	return &rate{perSecond: float64(perSecond), burst: float64(burst), left: float64(burst), seen: time.Now()}
}

// take reports whether n more may pass now.
func (r *rate) take(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.left = min(r.burst, r.left+now.Sub(r.seen).Seconds()*r.perSecond)
	r.seen = now
	if r.left < float64(n) {
		return false
	}
	r.left -= float64(n)
	return true
}

// pass waits for the moment at which one more may pass, in the order in which it was asked for.
func (r *rate) pass(ctx context.Context) error {
	r.mu.Lock()
	now := time.Now()
	r.left = min(r.burst, r.left+now.Sub(r.seen).Seconds()*r.perSecond) - 1
	r.seen = now
	wait := time.Duration(-r.left / r.perSecond * float64(time.Second))
	r.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// limited is a role's log with a limit of lines: a role that logs in a loop must not fill the disk, nor drown what
// others say. What is dropped is counted, and said with the next line that passes.
type limited struct {
	slog.Handler
	kinds *kinds
}

// kinds holds a limit for each kind of line, so that one kind does not hide another.
type kinds struct {
	limits Limits
	of     func(message string) string

	mu    sync.Mutex
	known map[string]*kind
}

type kind struct {
	rate    *rate
	dropped atomic.Int64
}

func (k *kinds) kind(message string) *kind {
	name := k.of(message)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known[name] == nil {
		k.known[name] = &kind{rate: newRate(k.limits.Lines, 10*k.limits.Lines)}
	}
	return k.known[name]
}

// limitReports is for what the core says of a role: each message of the few that there are is a kind.
func limitReports(log *slog.Logger, l Limits) *slog.Logger {
	return limitLog(log, &kinds{limits: l, of: func(message string) string { return message }})
}

// limitWords is for what a role says, whose messages are its own: all of it is one kind.
func limitWords(log *slog.Logger, l Limits) *slog.Logger {
	return limitLog(log, &kinds{limits: l, of: func(string) string { return "" }})
}

func limitLog(log *slog.Logger, k *kinds) *slog.Logger {
	k.known = map[string]*kind{}
	return slog.New(limited{log.Handler(), k})
}

// Handle passes a line on, or drops it.
func (h limited) Handle(ctx context.Context, r slog.Record) error {
	kind := h.kinds.kind(r.Message)
	if !kind.rate.take(1) {
		kind.dropped.Add(1)
		return nil
	}
	if n := kind.dropped.Swap(0); n > 0 {
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
	return limited{h.Handler.WithAttrs(attrs), h.kinds}
}

// WithGroup keeps the limit.
func (h limited) WithGroup(name string) slog.Handler {
	return limited{h.Handler.WithGroup(name), h.kinds}
}
