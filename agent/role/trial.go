package role

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// Trial runs the tests beside a role in a worker of their own, which is locked down like any other. No machine is behind
// it: a call that would touch one fails, unless the test stubs it.
type Trial struct {
	Workers *Nursery
	// Bindings are those that the worker does not have itself. Only those named in Carried are called.
	Bindings []bindings.Binding
	Carried  []string
	// Dir is where each test's role may keep something; whoever made it removes it.
	Dir string
}

// Outcome is how one test ended.
type Outcome struct {
	Test string
	contract.Outcome
	Lasted time.Duration
}

// Suite is what a trial tries.
type Suite struct {
	Role, Tests contract.Source
	Libs        []contract.Source
}

// Run runs every test of a suite, in the order of the file. A role or a file of tests that cannot even be read is a
// *RefusedError. ctx ends the worker, whatever it does.
func (t Trial) Run(ctx context.Context, s Suite) ([]Outcome, error) {
	codec, err := contract.Codec()
	if err != nil {
		return nil, err
	}
	w, err := t.Workers.spawn(contract.TrialMode)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoWorker, err)
	}
	c := &court{Trial: t}
	c.peer = ipc.New(w.stdout, w.stdin, ipc.Config{Codec: codec, Handle: c.handle, Hangup: w.hangup})
	ctx, cancel := context.WithCancel(ctx)
	died := make(chan error, 1)
	go func() { died <- w.end(c.peer.Run(ctx)) }()
	outcomes, err := c.run(ctx, s)
	cancel()
	w.hangup()
	reason := <-died
	if errors.Is(err, ipc.ErrClosed) { // what it died of says more than that
		err = reason
	}
	return outcomes, err
}

// court is the core's side of one trial.
type court struct {
	Trial
	peer *ipc.Peer

	mu   sync.Mutex
	host *trialHost
	set  *bindings.Set // of the test that runs
}

func (c *court) run(ctx context.Context, s Suite) ([]Outcome, error) {
	var m contract.Manifest
	if err := c.peer.Call(ctx, contract.Inspect, s.Role, &m); err != nil {
		return nil, err
	}
	if len(m.Problems) > 0 {
		return nil, &RefusedError{m.Problems}
	}
	modules, err := c.modules(m.Grants)
	if err != nil {
		return nil, err
	}
	var names []string
	setup := contract.Trial{Role: s.Role, Tests: s.Tests, Libs: s.Libs, Modules: modules, Carried: c.Carried}
	if err := c.peer.Call(ctx, contract.Suite, setup, &names); err != nil {
		return nil, refusal(err)
	}
	var all []Outcome
	for _, name := range names {
		o, err := c.test(ctx, name, m.Grants)
		all = append(all, o)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// refusal tells what the worker said from a worker that says nothing any more.
func refusal(err error) error {
	var said *ipc.Failure
	if errors.As(err, &said) {
		return &RefusedError{[]string{said.Message}}
	}
	return err
}

func (c *court) modules(grants bindings.Grants) ([]bindings.Module, error) {
	set, err := bindings.Open(&trialHost{grants: grants}, c.Bindings, grants)
	if err != nil {
		return nil, err
	}
	return set.Describe(c.Bindings, grants), set.Close()
}

// test runs one test, with bindings opened anew.
func (c *court) test(ctx context.Context, name string, grants bindings.Grants) (o Outcome, err error) {
	o.Test = name
	dir, err := os.MkdirTemp(c.Dir, "data")
	if err != nil {
		return o, err
	}
	host := &trialHost{grants: grants, dir: dir}
	set, err := bindings.Open(host, c.Bindings, grants)
	if err != nil {
		return o, err
	}
	c.mu.Lock()
	c.host, c.set = host, set
	c.mu.Unlock()
	begun := time.Now()
	err = c.peer.Call(ctx, contract.Test, contract.Case{Name: name, DataDir: dir}, &o.Outcome)
	o.Lasted = time.Since(begun)
	return o, errors.Join(err, set.Close())
}

// handle carries out what the worker cannot: it is not trusted, so only the modules in Carried are there for it.
func (c *court) handle(ctx context.Context, call ipc.Call) func() (any, error) {
	return func() (any, error) {
		var d contract.Dated
		if err := call.Decode(&d); call.Name != contract.DoAt || err != nil {
			return nil, &ipc.Failure{Code: "unknown", Message: "no call " + call.Name, Misuse: true}
		}
		c.mu.Lock()
		host, set := c.host, c.set
		c.mu.Unlock()
		if set == nil || !slices.Contains(c.Carried, d.Call.Module) {
			return nil, &ipc.Failure{Code: "unknown", Message: "not carried out in a test: " + d.Call.Module, Misuse: true}
		}
		host.at(d.Now)
		result, err := set.Call(ctx, d.Call)
		return result, contract.Failure(err)
	}
}

// trialHost has a clock that stands where the test's does, a data directory, and nothing else.
type trialHost struct {
	grants bindings.Grants
	dir    string

	mu  sync.Mutex
	now time.Time
}

var _ bindings.Host = (*trialHost)(nil)

// errTrial is what a binding meets that wants more.
var errTrial = bindings.Fail("unavailable", "there is no agent in a test")

func (h *trialHost) at(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = now
}

func (h *trialHost) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *trialHost) Log() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (h *trialHost) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

func (h *trialHost) Place() bindings.Place {
	return bindings.Place{DataDir: h.dir, ServiceMode: "system", Context: "system"}
}

func (h *trialHost) Allow(grant, thing string) error { return h.grants.Allow(grant, thing) }

func (h *trialHost) Emit(string, any) error { return errTrial }

func (h *trialHost) Request(context.Context, string, any, any) error { return errTrial }
