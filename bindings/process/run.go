package process

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// programOptions are what every way to start a program knows.
type programOptions struct {
	Env     map[string]string `lua:"env"`
	Cwd     string            `lua:"cwd"`
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
	return m.finish(ctx, o, opts)
}

func (m *module) runScript(ctx context.Context, scriptType string, script []byte, opts runOptions) (*done, error) {
	if err := m.host.Allow(grant, scriptType); err != nil {
		return nil, err
	}
	l, err := findLanguage(scriptType)
	if err != nil {
		return nil, err
	}
	interpreter, err := l.interpreter(m)
	if err != nil {
		return nil, err
	}
	o, err := m.prepare(interpreter, nil, opts.programOptions)
	if err != nil {
		return nil, err
	}
	dir, err := m.scripts.run(m.random(), "script"+l.extension, l.text(script))
	if err != nil {
		return nil, err
	}
	defer m.remove(dir)
	o.argv = slices.Concat([]string{interpreter}, l.before, []string{filepath.Join(dir, "script"+l.extension)})
	return m.finish(ctx, o, opts)
}

func (m *module) remove(dir string) {
	if err := removeTree(dir); err != nil {
		m.host.Log().Warn("a script's folder stays until the role ends", "error", err)
	}
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
	run := m.owner + "." + m.random()
	env, err := environment(m.environ, opts.Env, run)
	if err != nil {
		return order{}, err
	}
	return order{path: path, argv: argv, env: env, dir: opts.Cwd, run: run, timeout: opts.Timeout}, nil
}

// finish runs the program to its end, or to the end of ctx.
func (m *module) finish(ctx context.Context, o order, opts runOptions) (*done, error) {
	if opts.MaxOutputBytes < 0 || opts.MaxOutputBytes > maxOutput {
		return nil, bindings.Misused("option max_output_bytes: %d is not within 0 and %d", opts.MaxOutputBytes, maxOutput)
	}
	stdout, stderr := &capture{limit: opts.MaxOutputBytes}, &capture{limit: opts.MaxOutputBytes}
	o.stdout, o.stderr, o.input, o.drain = stdout, stderr, opts.Stdin, true
	p, err := m.launch(o)
	if err != nil {
		return nil, err
	}
	if err := m.see(ctx, p); err != nil {
		return nil, err
	}
	return &done{
		ending: p.ending,
		Stdout: content(stdout, opts.Raw), Stderr: content(stderr, opts.Raw),
		StdoutBytes: stdout.total, StderrBytes: stderr.total,
		Truncated: stdout.cut() || stderr.cut(),
	}, nil
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
