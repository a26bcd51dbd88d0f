package process

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// programOptions are what every way to start a program knows.
type programOptions struct {
	Env     map[string]string `lua:"env"`
	Cwd     string            `lua:"cwd"`
	User    *string           `lua:"user"`
	Timeout time.Duration     `lua:"timeout" default:"0"`
	Raw     bool              `lua:"raw" default:"false"`
}

type runOptions struct {
	programOptions
	Stdin          []byte `lua:"stdin"`
	MaxOutputBytes int    `lua:"max_output_bytes" default:"10485760"`
}

// maxOutput is the most that a role may ask to keep of one stream.
const maxOutput = 256 << 20

// done is the result of a run.
type done struct {
	ending
	output
}

// output is what a program wrote.
type output struct {
	Stdout      []byte `lua:"stdout"`
	Stderr      []byte `lua:"stderr"`
	StdoutBytes int64  `lua:"stdout_bytes"`
	StderrBytes int64  `lua:"stderr_bytes"`
	Truncated   bool   `lua:"truncated"`
}

func (m *module) run(ctx context.Context, argv []string, opts runOptions) (*done, error) {
	o, err := m.order(argv, opts.programOptions)
	if err != nil {
		return nil, err
	}
	k, err := m.keep(o, opts)
	if err != nil {
		return nil, err
	}
	return k.finish(ctx)
}

// order decides everything about a program that argv names.
func (m *module) order(argv []string, opts programOptions) (order, error) {
	if len(argv) == 0 {
		return order{}, bindings.Misused("argument 1: an empty list names no program")
	}
	for _, arg := range argv {
		if strings.Contains(arg, "\x00") {
			return order{}, bindings.Fail("invalid", "an argument holds a zero byte")
		}
	}
	path, err := m.program(argv[0])
	if err != nil {
		return order{}, err
	}
	return m.prepare(path, argv, opts)
}

func (m *module) prepare(path string, argv []string, opts programOptions) (order, error) {
	if err := checkDir(opts.Cwd); err != nil {
		return order{}, err
	}
	who, err := findUser(opts.User)
	if err != nil {
		return order{}, err
	}
	if who != nil && opts.Cwd == "" {
		opts.Cwd = who.dir()
	}
	run := m.owner + "." + m.random()
	env, err := environment(who.environ(m.environ), opts.Env, run)
	if err != nil {
		return order{}, err
	}
	return order{path: path, argv: argv, env: env, dir: opts.Cwd, who: who, run: run, timeout: opts.Timeout}, nil
}

// kept is a program whose output is kept until somebody asks for it.
type kept struct {
	m              *module
	p              *proc
	stdout, stderr *capture
	raw            bool
}

func (m *module) keep(o order, opts runOptions) (*kept, error) {
	if opts.MaxOutputBytes < 0 || opts.MaxOutputBytes > maxOutput {
		return nil, bindings.Misused("option max_output_bytes: %d is not within 0 and %d", opts.MaxOutputBytes, maxOutput)
	}
	k := &kept{
		m: m, stdout: &capture{limit: opts.MaxOutputBytes}, stderr: &capture{limit: opts.MaxOutputBytes}, raw: opts.Raw,
	}
	o.stdout, o.stderr, o.input, o.drain = k.stdout, k.stderr, opts.Stdin, true
	var err error
	k.p, err = m.launch(o)
	return k, err
}

// finish sees the program to its end, or to the end of ctx.
func (k *kept) finish(ctx context.Context) (*done, error) {
	if err := k.m.see(ctx, k.p); err != nil {
		return nil, err
	}
	return &done{ending: k.p.ending, output: k.output()}, nil
}

// output is what the program wrote. It must have ended.
func (k *kept) output() output {
	return output{
		Stdout: content(k.stdout, k.raw), Stderr: content(k.stderr, k.raw),
		StdoutBytes: k.stdout.total, StderrBytes: k.stderr.total,
		Truncated: k.stdout.cut() || k.stderr.cut(),
	}
}

// see waits for the program's end, and kills it when ctx ends first.
func (m *module) see(ctx context.Context, p *proc) error {
	select {
	case <-p.done:
		return nil
	case <-p.doomed:
		return m.gone(p)
	case <-ctx.Done():
		p.kill(false)
		return errors.Join(context.Cause(ctx), m.gone(p))
	}
}

func content(c *capture, raw bool) []byte {
	if raw {
		return c.bytes()
	}
	return c.text(&decoder{foreign: foreignText()})
}
