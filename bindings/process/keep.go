package process

import (
	"context"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

type scriptOptions struct {
	runOptions
	Files map[string][]byte `lua:"files"`
}

func (m *module) runScript(ctx context.Context, scriptType string, text []byte, opts scriptOptions) (*done, error) {
	k, err := m.keepScript(scriptType, text, opts)
	if err != nil {
		return nil, err
	}
	return k.finish(ctx)
}

// keepScript starts a script in a folder of its own, which is removed when all of the script is gone.
func (m *module) keepScript(scriptType string, text []byte, opts scriptOptions) (*kept, error) {
	if err := m.host.Allow(grant, scriptType); err != nil {
		return nil, err
	}
	l, err := findLanguage(scriptType)
	if err != nil {
		return nil, err
	}
	name := "script" + l.extension
	if err := checkFiles(name, opts.Files); err != nil {
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
	scripts := m.scripts
	if o.who != nil {
		scripts = m.outside
	}
	dir, err := scripts.run(m.random(), name, l.text(text), opts.Files, o.who)
	if err != nil {
		return nil, err
	}
	o.argv = slices.Concat([]string{interpreter}, l.before, []string{filepath.Join(dir, name)})
	o.after = func() { m.remove(dir) }
	k, err := m.keep(o, opts.runOptions)
	if err != nil {
		m.remove(dir)
		return nil, err
	}
	return k, nil
}

func (m *module) remove(dir string) {
	if err := removeTree(dir); err != nil {
		m.host.Log().Warn("a script's folder stays until the role ends", "error", err)
	}
}

// script is a script under way, and its output when it has ended: the value of a process.Script.
type script struct {
	*kept
	told     atomic.Bool // its output was asked for and told
	progress progress
}

const scriptName = "process.Script"

func scriptType() bindings.HandleType {
	return bindings.HandleType{Name: scriptName, Methods: map[string]bindings.Func{
		"wait":     {Waits: true, Do: waitScript},
		"output":   {Do: scriptOutput},
		"progress": {Do: scriptProgress},
		"kill":     {Do: func(_ context.Context, s *script) error { s.p.kill(false); return nil }},
		"pid":      {Do: func(_ context.Context, s *script) (int, error) { return s.p.os.Pid, nil }},
	}}
}

func (m *module) startScript(_ context.Context, scriptType string, text []byte, opts scriptOptions) (bindings.Handle, error) {
	k, err := m.keepScript(scriptType, text, opts)
	if err != nil {
		return bindings.Handle{}, err
	}
	return bindings.Handle{Type: scriptName, Value: &script{kept: k}}, nil
}

// Finished says that the script is gone and that the role knows all of it.
func (s *script) Finished() bool { return s.told.Load() }

// Close kills the tree and returns when it is gone.
func (s *script) Close() error { return s.m.end(s.p) }

// scriptEnding is how a script ended, and what it wrote when that is short.
type scriptEnding struct {
	ending
	Output *output `lua:"output"`
}

// short is how many bytes of output come with the ending: it saves a call. More waits in the core until it is asked for,
// since many scripts may end at a time.
const short = 16 << 10

func waitScript(ctx context.Context, s *script, opts waitOptions) (*scriptEnding, error) {
	end, err := s.m.await(ctx, s.p, opts.Timeout)
	if err != nil {
		return nil, err
	}
	if s.stdout.total+s.stderr.total > short {
		return &scriptEnding{ending: *end}, nil
	}
	return &scriptEnding{*end, s.tell()}, nil
}

func scriptOutput(_ context.Context, s *script) (*output, error) {
	select {
	case <-s.p.done:
	default:
		return nil, bindings.Fail("running", "the script has not ended")
	}
	return s.tell(), nil
}

func (s *script) tell() *output {
	s.told.Store(true)
	out := s.output()
	return &out
}
