// Package lua is the Lua module lua: a role runs a script in a world of its own, which has what the role was granted and
// ends with the script. It promises that a script can neither harm the role that started it nor outlive it, and that what
// it printed is kept within bounds. It holds no Lua: the world is the host's.
package lua

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

const (
	// maxScripts is how many scripts of a role may run at a time: each is a process.
	maxScripts = 8
	// maxOutput is how much of what a script prints is kept, from its beginning.
	maxOutput = 1 << 20
	// handleType is the class of what start returns.
	handleType = "lua.Script"
)

//go:embed lua.lua
var face string

// Binding is the module. It needs a host that has worlds.
var Binding = bindings.Binding{Name: "lua", Face: face, Core: true, Open: open, Handles: []bindings.HandleType{{
	Name: handleType,
	Methods: map[string]bindings.Func{
		"wait":   {Waits: true, Do: wait},
		"output": {Do: output},
		"kill":   {Do: func(_ context.Context, s *script) error { s.end(errKilled); return nil }},
	},
}}}

// worlds is what the host must offer besides.
type worlds interface {
	// RunLua runs a script to its end, or to that of ctx. What the script does wrong is a *bindings.Error; print gets its
	// lines.
	RunLua(ctx context.Context, source []byte, env map[string]string, print func(line string)) error
}

// module is the scripts of one role.
type module struct {
	host   bindings.Host
	worlds worlds
	ctx    context.Context // of the scripts, which run on behalf of no call
	end    context.CancelFunc
	all    sync.WaitGroup

	mu      sync.Mutex
	running int
}

func open(host bindings.Host) (*bindings.Instance, error) {
	w, ok := host.(worlds)
	if !ok {
		return nil, bindings.ErrUnsupported
	}
	m := &module{host: host, worlds: w}
	m.ctx, m.end = context.WithCancel(context.Background())
	return &bindings.Instance{Funcs: map[string]bindings.Func{"start": {Waits: true, Do: m.start}}, Close: m.close}, nil
}

func (m *module) close() error {
	m.end()
	m.all.Wait()
	return nil
}

// Why a script was ended from outside.
var (
	errKilled = errors.New("killed")
	errLate   = errors.New("its time was up")
)

// script is a script in its world: the value of a lua.Script.
type script struct {
	end  context.CancelCauseFunc
	done chan struct{} // closed when its world is gone

	mu      sync.Mutex
	printed bytes.Buffer
	total   int64
	// The rest is valid once done is closed.
	failure  string
	killed   bool
	timedOut bool
	lasted   time.Duration
}

type startOptions struct {
	Env     map[string]string `lua:"env"`
	Timeout time.Duration     `lua:"timeout" default:"0"`
}

func (m *module) start(_ context.Context, source []byte, opts startOptions) (bindings.Handle, error) {
	if err := m.admit(); err != nil {
		return bindings.Handle{}, err
	}
	s := &script{done: make(chan struct{})}
	var ctx context.Context
	ctx, s.end = context.WithCancelCause(m.ctx)
	disarm := func() bool { return true }
	if opts.Timeout > 0 {
		disarm = m.host.AfterFunc(opts.Timeout, func() { s.end(errLate) })
	}
	begun := m.host.Now()
	go func() {
		defer m.all.Done()
		defer close(s.done)
		defer m.dismiss()
		err := m.worlds.RunLua(ctx, source, opts.Env, s.print)
		disarm()
		s.finish(ctx, err, m.host.Now().Sub(begun))
		s.end(nil)
	}()
	return bindings.Handle{Type: handleType, Value: s}, nil
}

func (m *module) admit() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.ctx.Err() != nil:
		return bindings.Fail("cancelled", "the role has ended")
	case m.running >= maxScripts:
		return bindings.Fail("limit", "%d scripts of the role run already", maxScripts)
	}
	m.running++
	m.all.Add(1)
	return nil
}

func (m *module) dismiss() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running--
}

func (s *script) print(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total += int64(len(line)) + 1
	if s.printed.Len()+len(line) < maxOutput {
		s.printed.WriteString(line + "\n")
	}
}

func (s *script) finish(ctx context.Context, err error, lasted time.Duration) {
	s.lasted = lasted
	if err == nil {
		return
	}
	s.failure = err.Error()
	s.timedOut = errors.Is(context.Cause(ctx), errLate)
	s.killed = ctx.Err() != nil
}

// Close ends the script and returns when its world is gone.
func (s *script) Close() error {
	s.end(errKilled)
	<-s.done
	return nil
}

type ending struct {
	ExitCode int           `lua:"exit_code"`
	TimedOut bool          `lua:"timed_out"`
	Duration time.Duration `lua:"duration"`
}

func wait(ctx context.Context, s *script) (*ending, error) {
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	e := &ending{TimedOut: s.timedOut, Duration: s.lasted}
	switch {
	case s.killed:
		e.ExitCode = -1
	case s.failure != "":
		e.ExitCode = 1
	}
	return e, nil
}

type printed struct {
	Stdout    string `lua:"stdout"`
	Stderr    string `lua:"stderr"`
	Truncated bool   `lua:"truncated"`
}

func output(_ context.Context, s *script) (*printed, error) {
	select {
	case <-s.done:
	default:
		return nil, bindings.Fail("running", "the script has not ended")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &printed{Stdout: s.printed.String(), Truncated: s.total > int64(s.printed.Len())}
	if s.failure != "" {
		out.Stderr = s.failure + "\n"
	}
	return out, nil
}
