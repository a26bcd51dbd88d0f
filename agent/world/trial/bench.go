package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/world"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// harmless are the modules that always run, on the fake host; all others must be stubbed.
func harmless() []string {
	return []string{"engine", "log", "lua", "settings", "store", "timer", "x509"}
}

// bench is one role under test: its world, and the core that the test plays.
type bench struct {
	world     *world.World
	host      *hosttest.Host
	set       *bindings.Set
	real      []string
	elsewhere func(context.Context, contract.Dated) (any, error)
	own       map[string]bool // the modules of set
	sub       error           // the first failure of a t.run

	mu      sync.Mutex
	printed []string
	events  sync.WaitGroup
	running int // events under way
	asleep  int // of these, how many wait for the clock
	moved   chan struct{}
	end     context.CancelFunc
	ctx     context.Context
}

var _ world.Core = (*bench)(nil)

func (s Suite) open(data string) (*bench, error) {
	limits := world.DefaultLimits()
	m := world.Inspect(s.Role, limits.Sandbox)
	if len(m.Problems) > 0 {
		return nil, errors.New(strings.Join(m.Problems, "\n"))
	}
	host := hosttest.New(data, m.Grants...)
	host.Where.Context = m.Contexts[0]
	set, err := bindings.Open(host, s.Bindings, host.Grants)
	if err != nil {
		return nil, err
	}
	b := &bench{
		host: host, set: set, real: append(harmless(), s.Real...), own: map[string]bool{}, elsewhere: s.Elsewhere,
		moved: make(chan struct{}, 1),
	}
	for _, own := range s.Bindings {
		b.own[own.Name] = true
	}
	b.ctx, b.end = context.WithCancel(context.Background())
	b.world, err = world.New(b, contract.Setup{
		Source: s.Role, Libs: s.Libs, Place: host.Where, Grants: m.Grants,
		Modules: append(set.Describe(s.Bindings, host.Grants), s.Modules...),
	}, s.Pure, limits)
	if err != nil {
		return nil, errors.Join(err, set.Close())
	}
	if loaded := b.world.Load(b.ctx); len(loaded.Problems) > 0 {
		b.close()
		return nil, errors.New(strings.Join(loaded.Problems, "\n"))
	}
	return b, nil
}

func (b *bench) close() {
	b.end()
	_ = b.set.Close() // fake things, which nobody misses; it ends what timers have begun
	b.events.Wait()
	_ = b.world.Close()
}

// Print keeps what the role printed.
func (b *bench) Print(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.printed = append(b.printed, line)
}

func (b *bench) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.printed)
}

// Do plays the core.
func (b *bench) Do(ctx context.Context, c bindings.Call) (any, error) {
	if !slices.Contains(b.real, c.Module) {
		return nil, bindings.Misused("it would touch the machine: t.stub(%q, function(...) ... end)", c.Module+"."+c.Func)
	}
	for i, arg := range c.Args {
		if ref, ok := arg.(contract.FuncRef); ok {
			c.Args[i] = callback{b, ref.ID}
		}
	}
	if c.Module == "timer" && c.Func == "sleep" {
		return b.sleep(ctx, c)
	}
	if !b.own[c.Module] {
		return b.elsewhere(ctx, contract.Dated{Call: c, Now: b.host.Now()})
	}
	return b.set.Call(ctx, c)
}

// sleep waits for the test to move the clock.
func (b *bench) sleep(ctx context.Context, c bindings.Call) (any, error) {
	seconds, _ := c.Args[0].(float64)
	awake := make(chan struct{})
	stop := b.host.AfterFunc(time.Duration(seconds*float64(time.Second)), func() { b.count(0, -1); close(awake) })
	b.count(0, 1)
	select {
	case <-awake:
		return true, nil
	case <-ctx.Done():
		if stop() {
			b.count(0, -1)
		}
		return nil, bindings.Fail("cancelled", "the test is over")
	}
}

// count notes events that begin, end, fall asleep or wake.
func (b *bench) count(running, asleep int) {
	b.mu.Lock()
	b.running += running
	b.asleep += asleep
	b.mu.Unlock()
	select {
	case b.moved <- struct{}{}:
	default:
	}
}

// settle waits until every event has ended or waits for the clock.
func (b *bench) settle(ctx context.Context) error {
	for {
		b.mu.Lock()
		busy := b.running > b.asleep
		b.mu.Unlock()
		if !busy {
			return nil
		}
		select {
		case <-b.moved:
		case <-ctx.Done():
			return fmt.Errorf("an event did not end: %w", context.Cause(ctx))
		}
	}
}

// hand gives the role something to do and waits until it has done it or waits for the clock.
func (b *bench) hand(ctx context.Context, do func(context.Context) error) error {
	failed := make(chan error, 1)
	b.count(1, 0)
	b.events.Go(func() {
		failed <- do(b.ctx)
		b.count(-1, 0)
	})
	if err := b.settle(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// callback is a function of the role that a binding holds.
type callback struct {
	bench *bench
	id    uint64
}

func (c callback) Call(ctx context.Context, args ...any) error {
	plain, err := bindings.PlainArgs(args)
	if err != nil {
		return err
	}
	return c.bench.world.Invoke(ctx, contract.Invocation{Func: c.id, Args: plain})
}

func (c callback) Release() {
	c.bench.events.Go(func() {
		_ = c.bench.world.Invoke(c.bench.ctx, contract.Invocation{Func: c.id, Release: true})
	})
}
