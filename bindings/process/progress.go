package process

import (
	"context"
	"slices"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

type progressOptions struct {
	MaxBytes int `lua:"max_bytes" default:"65536"`
}

// progress is how far a role has followed what its script writes.
type progress struct {
	mu             sync.Mutex
	stdout, stderr follower
}

// scriptProgress is what the script wrote since it was last asked for.
func scriptProgress(_ context.Context, s *script, opts progressOptions) (*output, error) {
	if opts.MaxBytes < 1 || opts.MaxBytes > maxOutput {
		return nil, bindings.Misused("option max_bytes: %d is not within 1 and %d", opts.MaxBytes, maxOutput)
	}
	p := &s.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	stdout, cutOut := p.stdout.news(s.stdout, opts.MaxBytes, s.raw)
	stderr, cutErr := p.stderr.news(s.stderr, opts.MaxBytes, s.raw)
	return &output{
		Stdout: stdout, Stderr: stderr, StdoutBytes: p.stdout.at, StderrBytes: p.stderr.at, Truncated: cutOut || cutErr,
	}, nil
}

// follower reads a capture in pieces, while it grows.
type follower struct {
	at      int64 // what was read, in bytes from the beginning
	decoder decoder
}

// news is what was written since the last time, or the last of it, with a line in front that says how much is left out.
func (f *follower) news(c *capture, most int, raw bool) (text []byte, cut bool) {
	p, end := c.since(f.at)
	p = p[max(0, len(p)-most):]
	left := end - int64(len(p)) - f.at
	f.at = end
	if raw {
		return p, left > 0
	}
	f.decoder.foreign = foreignText()
	if left == 0 {
		return f.decoder.decode(p, false), false
	}
	left += int64(len(f.decoder.held))
	f.decoder.held, f.decoder.begun = nil, true
	start := boundary(&f.decoder, p, end)
	return slices.Concat(leftOut(left+int64(start)), f.decoder.decode(p[start:], false)), true
}
