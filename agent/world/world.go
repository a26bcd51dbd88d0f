// Package world is the Lua side of a role: one sandboxed universe in a worker of its own, with one lock (the baton)
// that is released while a primitive waits. It promises that events start in the order in which they arrived, that
// between two calls that wait nothing else of the role runs, and that what a script does wrong ends in an error
// which names file and line. It touches no machine: bindings are carried out by the core, over agent/ipc.
package world

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/world/sandbox"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	lua "github.com/yuin/gopher-lua"
)

// Core is what a world asks of the agent's core.
type Core interface {
	// Do carries out one call of a binding.
	Do(ctx context.Context, c bindings.Call) (any, error)
	// Print writes one line to the role's log.
	Print(line string)
}

// Limits bound one world.
type Limits struct {
	// Processor is how long one event may run Lua in all; waiting does not count.
	Processor time.Duration
	// Minute is how much processor time the role may use in a minute.
	Minute time.Duration
	// Within is how long a handler may take in all, waiting counted, when it did not ask for another time; Most is
	// the longest that it may ask for.
	Within, Most time.Duration
	// Memory is how many bytes may be alive in the world's process; 0 is no limit.
	Memory uint64
	// Load is how long the file may take to run, with Role.new and register_events.
	Load    time.Duration
	Sandbox sandbox.Limits
}

// DefaultLimits are those of the architecture: 500 ms of processor time for an event and 15 s for a minute, 64 MiB of
// live memory, 5 s for loading. A handler may take ten minutes, or up to a day when it asks for that.
func DefaultLimits() Limits {
	return Limits{
		Processor: 500 * time.Millisecond, Minute: 15 * time.Second, Within: 10 * time.Minute, Most: 24 * time.Hour, Memory: 64 << 20, Load: 5 * time.Second,
		Sandbox: sandbox.DefaultLimits(),
	}
}

// World is one role's universe.
type World struct {
	core   Core
	limits Limits
	setup  contract.Setup
	pure   *bindings.Set

	baton    baton
	purse    *purse
	governor governor
	// processor is how much processor time the world's process has used.
	processor func() time.Duration
	// All below is touched only with the baton held.
	state    *lua.LState
	idle     []*lua.LState // threads of stints that ended well
	env      *sandbox.Env
	marks    marks
	loading  bool
	role     *lua.LTable
	handlers map[string][]handler
	libs     map[string]lua.LValue
	funcs    map[uint64]*lua.LFunction
	lastFunc uint64
	origins  sync.Map // "file:line" of each of funcs, for those who do not hold the baton
	end      context.CancelFunc
}

// New makes a world from what the core sent. Nothing of the role has run yet.
func New(core Core, setup contract.Setup, pure []bindings.Binding, limits Limits) (*World, error) {
	w := &World{
		core: core, limits: limits, setup: setup, state: lua.NewState(sandbox.Options()),
		handlers: map[string][]handler{}, libs: map[string]lua.LValue{}, funcs: map[uint64]*lua.LFunction{},
		processor: processorTime,
		purse:     newPurse(limits.Minute), governor: governor{limit: limits.Memory, held: heap, exhausted: func(error) {}},
	}
	ctx, end := context.WithCancel(context.Background())
	w.end = end
	// A coroutine made before its thread has a context could never be ended.
	w.state.SetContext(ctx)
	w.env = sandbox.Open(w.state, limits.Sandbox, sandbox.Hooks{Print: core.Print, Require: w.require, Now: time.Now})
	w.marks = newMarks(w.state)
	if err := w.openPure(pure); err != nil {
		return nil, err
	}
	for _, m := range setup.Modules {
		w.declare(m, core.Do, remote)
	}
	return w, nil
}

func (w *World) openPure(list []bindings.Binding) error {
	grants := bindings.Grants(w.setup.Grants)
	set, err := bindings.Open(pureHost{place: w.setup.Place, print: w.core.Print}, list, grants)
	if err != nil {
		return err
	}
	w.pure = set
	for _, m := range set.Describe(list, grants) {
		w.declare(m, set.Call, local)
	}
	return nil
}

// Close ends the world; what still runs in it fails at its next instruction.
func (w *World) Close() error {
	w.end()
	return w.pure.Close()
}

// Load runs the role's file, Role.new and register_events, and says which events the role asked for.
func (w *World) Load(ctx context.Context) contract.Loaded {
	ctx, cancel := context.WithTimeoutCause(ctx, w.limits.Load, fmt.Errorf("loading took longer than %v", w.limits.Load))
	defer cancel()
	err := w.run(ctx, w.baton.queue(), func(L *lua.LState) error {
		w.loading = true
		defer func() { w.loading = false }()
		defer w.env.Loaded()
		return w.load(L)
	})
	if err != nil {
		return contract.Loaded{Problems: []string{err.Error()}}
	}
	loaded := contract.Loaded{AtOnce: w.atOnce()}
	for name := range w.handlers {
		loaded.Events = append(loaded.Events, name)
	}
	return loaded
}

func (w *World) load(L *lua.LState) error {
	value, err := w.execute(L, w.setup.Source)
	if err != nil {
		return err
	}
	class, ok := value.(*lua.LTable)
	if !ok {
		return fmt.Errorf("%s: returns a %s, not the Role table", w.setup.Source.File, value.Type())
	}
	if w.role, err = w.instance(L, class); err != nil {
		return err
	}
	_, err = w.method(L, "register_events", w.eventsObject(L))
	return err
}

// execute compiles one file and runs it.
func (w *World) execute(L *lua.LState, src contract.Source) (lua.LValue, error) {
	fn, err := w.compile(L, src)
	if err != nil {
		return nil, err
	}
	return call(L, fn)
}

func (w *World) compile(L *lua.LState, src contract.Source) (*lua.LFunction, error) {
	chunk, err := sandbox.Parse(src.Text, src.File, w.limits.Sandbox)
	if err != nil {
		return nil, err
	}
	proto, err := chunk.Compile()
	if err != nil {
		return nil, err
	}
	return w.env.Function(L, proto), nil
}

// instance makes the role's object: with Role.new where the author wrote it, else a plain object of the class.
func (w *World) instance(L *lua.LState, class *lua.LTable) (*lua.LTable, error) {
	ctx, err := w.context(L)
	if err != nil {
		return nil, err
	}
	make, ok := class.RawGetString("new").(*lua.LFunction)
	if !ok {
		object := L.CreateTable(0, 0)
		object.RawSetString("ctx", ctx)
		meta := L.CreateTable(0, 0)
		meta.RawSetString("__index", class)
		object.Metatable = meta
		return object, nil
	}
	value, err := call(L, make, ctx)
	if err != nil {
		return nil, err
	}
	object, ok := value.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("%s: Role.new returned a %s, not a table", w.setup.Source.File, value.Type())
	}
	if object.RawGetString("ctx") == lua.LNil {
		object.RawSetString("ctx", ctx)
	}
	return object, nil
}

// context is self.ctx: where the role runs, and what the version before it saved.
func (w *World) context(L *lua.LState) (*lua.LTable, error) {
	place, err := bindings.Plain(w.setup.Place)
	if err != nil {
		return nil, err
	}
	ctx := w.toLua(L, place).(*lua.LTable)
	if w.setup.State != nil {
		ctx.RawSetString("state", w.toLua(L, w.setup.State))
	}
	return ctx, nil
}

// method calls an optional method of the role.
func (w *World) method(L *lua.LState, name string, args ...lua.LValue) (lua.LValue, error) {
	found, err := call(L, L.NewFunction(lookup), w.role, lua.LString(name))
	if err != nil {
		return lua.LNil, err
	}
	fn, ok := found.(*lua.LFunction)
	if !ok {
		return lua.LNil, nil
	}
	return call(L, fn, append([]lua.LValue{w.role}, args...)...)
}

// lookup reads a field as scripts do. It must be called in protected mode, since the table may have metamethods.
func lookup(L *lua.LState) int {
	L.Push(L.GetTable(L.Get(1), L.Get(2)))
	return 1
}

func call(L *lua.LState, fn *lua.LFunction, args ...lua.LValue) (lua.LValue, error) {
	if err := L.CallByParam(lua.P{Fn: fn, NRet: 1, Protect: true}, args...); err != nil {
		return nil, err
	}
	value := L.Get(-1)
	L.Pop(1)
	return value, nil
}

// require gives a helper of lib/, which runs once.
func (w *World) require(L *lua.LState, name string) (lua.LValue, error) {
	if value, ok := w.libs[name]; ok {
		return value, nil
	}
	for _, lib := range w.setup.Libs {
		if lib.File == LibFile(name) {
			value, err := w.execute(L, lib)
			if err == nil {
				w.libs[name] = value
			}
			return value, readable(err)
		}
	}
	return nil, fmt.Errorf("no helper %q: require takes \"lib.name\" as a literal", name)
}
