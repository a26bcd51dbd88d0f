package process

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

type startOptions struct {
	programOptions
	MergeStderr bool    `lua:"merge_stderr" default:"false"`
	BufferBytes int     `lua:"buffer_bytes" default:"1048576"`
	Pty         *window `lua:"pty"`
}

type readOptions struct {
	Stream   string        `lua:"stream" default:"stdout"`
	Line     bool          `lua:"line" default:"false"`
	MaxBytes int           `lua:"max_bytes" default:"65536"`
	Timeout  time.Duration `lua:"timeout" default:"0"`
}

type waitOptions struct {
	Timeout time.Duration `lua:"timeout" default:"0"`
}

// child is a program that a role talks with: the value of a process.Child.
type child struct {
	m      *module
	p      *proc
	stdout *flow
	stderr *flow       // nil when it is merged into stdout
	told   atomic.Bool // its ending was asked for and told
}

const childName = "process.Child"

func childType() bindings.HandleType {
	return bindings.HandleType{Name: childName, Methods: map[string]bindings.Func{
		"read":        {Waits: true, Do: readChild},
		"write":       {Waits: true, Do: writeChild},
		"close_stdin": {Do: closeStdin},
		"wait":        {Waits: true, Do: waitChild},
		"kill":        {Do: killChild},
		"signal":      {Do: signalChild},
		"pid":         {Do: childPid},
		"resize":      {Do: resizeChild},
	}}
}

func (m *module) start(_ context.Context, argv []string, opts startOptions) (bindings.Handle, error) {
	if opts.BufferBytes < 1 || opts.BufferBytes > maxOutput {
		return bindings.Handle{}, bindings.Misused("option buffer_bytes: %d is not within 1 and %d", opts.BufferBytes, maxOutput)
	}
	o, err := m.order(argv, opts.programOptions)
	if err != nil {
		return bindings.Handle{}, err
	}
	c := &child{m: m, stdout: newFlow(opts.BufferBytes, newText(opts.Raw))}
	o.talk, o.stdout, o.discard = true, c.stdout, c.discard
	if opts.Pty != nil {
		if err := opts.Pty.check(); err != nil {
			return bindings.Handle{}, err
		}
		o.pty, o.env = opts.Pty, terminalType(o.env)
	} else if !opts.MergeStderr {
		c.stderr = newFlow(opts.BufferBytes, newText(opts.Raw))
		o.stderr = c.stderr
	}
	if c.p, err = m.launch(o); err != nil {
		return bindings.Handle{}, err
	}
	return bindings.Handle{Type: childName, Value: c}, nil
}

func newText(raw bool) *decoder {
	if raw {
		return nil
	}
	return &decoder{foreign: foreignText()}
}

func (c *child) discard() {
	c.stdout.abandon()
	if c.stderr != nil {
		c.stderr.abandon()
	}
}

// Finished says that the program is gone and that the role knows all of it.
func (c *child) Finished() bool {
	return c.told.Load() && c.stdout.drained() && (c.stderr == nil || c.stderr.drained())
}

// Close kills the tree and returns when it is gone.
func (c *child) Close() error {
	return c.m.end(c.p)
}

func readChild(ctx context.Context, c *child, opts readOptions) (*string, error) {
	if opts.MaxBytes < 1 {
		return nil, bindings.Misused("option max_bytes: %d is less than 1", opts.MaxBytes)
	}
	from, err := c.stream(opts.Stream)
	if err != nil {
		return nil, err
	}
	ctx, stop := c.m.within(ctx, opts.Timeout)
	defer stop()
	return from.take(ctx, opts.Line, opts.MaxBytes)
}

func (c *child) stream(name string) (*flow, error) {
	switch {
	case name == "stdout":
		return c.stdout, nil
	case name == "stderr" && c.stderr != nil:
		return c.stderr, nil
	case name == "stderr":
		return nil, bindings.Misused("option stream: stderr is merged into stdout")
	}
	return nil, bindings.Misused("option stream: %q is neither stdout nor stderr", name)
}

func writeChild(ctx context.Context, c *child, data []byte) error {
	return c.p.stdin.write(ctx, data)
}

func closeStdin(_ context.Context, c *child) error {
	c.p.stdin.end()
	return nil
}

func waitChild(ctx context.Context, c *child, opts waitOptions) (*ending, error) {
	end, err := c.m.await(ctx, c.p, opts.Timeout)
	if err == nil {
		c.told.Store(true)
	}
	return end, err
}

// await waits for a program, and what it started, to be gone.
func (m *module) await(ctx context.Context, p *proc, limit time.Duration) (*ending, error) {
	ctx, stop := m.within(ctx, limit)
	defer stop()
	select {
	case <-p.done:
	case <-p.doomed:
		if err := m.gone(p); err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return &p.ending, nil
}

func killChild(_ context.Context, c *child) error {
	c.p.kill(false)
	return nil
}

func signalChild(_ context.Context, c *child, name string) error { return c.p.signal(name) }

func resizeChild(_ context.Context, c *child, rows, cols int) error {
	size := window{Rows: rows, Cols: cols}
	if err := size.check(); err != nil {
		return err
	}
	if c.p.screen == nil {
		return bindings.Misused("the program has no terminal: start it with the option pty")
	}
	return c.p.screen.resize(size)
}

func childPid(_ context.Context, c *child) (int, error) { return c.p.os.Pid, nil }

// within ends ctx once d has passed on the host's clock; 0 is no limit.
func (m *module) within(ctx context.Context, d time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := func() bool { return true }
	if d > 0 {
		stop = m.host.AfterFunc(d, func() { cancel(bindings.Fail("timeout", "nothing within %v", d)) })
	}
	return ctx, func() { stop(); cancel(nil) }
}
