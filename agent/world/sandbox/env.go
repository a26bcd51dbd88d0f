package sandbox

import (
	"context"
	"math/rand/v2"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Hooks are what the sandbox asks of the world around it. All of them are called by the thread that runs Lua. Print and
// Now must be there.
type Hooks struct {
	// Print takes what print wrote, as one quoted line of at most Limits.PrintBytes and a little.
	Print func(line string)
	// Now is the time, in the zone that os.date shows.
	Now func() time.Time
	// Require gives the helper that a script requires; its name begins with "lib.". To run each helper once is the
	// hook's business.
	Require func(L *lua.LState, name string) (lua.LValue, error)
	// Checkpoint, if there is one, is asked now and then in every function that takes long; its error is raised, and no
	// pcall keeps it as long as it is returned. The interpreter does not ask: what only loops, the context must end.
	Checkpoint func(L *lua.LState) error
	// Random is where math.random begins; nil is a source that differs from world to world.
	Random rand.Source
}

// Env is the environment of one Lua state: what its scripts can name. It is used by whoever runs Lua in the state, one
// at a time, like the state itself.
type Env struct {
	lim   Limits
	hooks Hooks

	known   *lua.LTable       // the globals
	globals *lua.LTable       // what scripts see of them: an empty table with known behind it
	denied  map[string]string // what reading a global raises
	loaded  bool

	next    *lua.LFunction            // the global of that name
	helpers map[string]*lua.LFunction // what rewritten chunks call
	random  *rand.Rand
	started time.Time

	seed   *lua.LState          // what new threads are copies of
	idle   []*lua.LState        // threads for protected calls
	frames map[*lua.LState]link // those that somebody waits for
	routines
}

// Open gives a new state, made with Options, its globals. Contexts of threads may be set before and after. From here on
// globals are made with Declare: lua.LState.SetGlobal meets the same rules as a script.
func Open(L *lua.LState, lim Limits, hooks Hooks) *Env {
	prepare()
	e := &Env{
		lim: lim, hooks: hooks,
		known: L.CreateTable(0, 0), globals: L.CreateTable(0, 0), denied: map[string]string{},
		frames: map[*lua.LState]link{}, started: hooks.Now(),
	}
	L.G.MainThread, L.G.CurrentThread = L, L
	L.G.Global, L.Env = e.globals, e.globals
	e.openThreads(L)
	e.seal(L)
	e.openBase(L)
	e.openString(L)
	e.library(L, "table", e.tableFuncs())
	e.openCoroutine(L)
	e.library(L, "os", e.osFuncs())
	e.openMath(L)
	return e
}

// Function binds a compiled chunk to the environment. It is called without arguments.
func (e *Env) Function(L *lua.LState, proto *lua.FunctionProto) *lua.LFunction {
	fn := L.NewFunctionFromProto(proto)
	fn.Env = e.globals
	for i, name := range proto.DbgUpvalues {
		fn.Upvalues[i] = upvalue(e.helpers[name])
	}
	return fn
}

// upvalue makes a closed one.
func upvalue(v lua.LValue) *lua.Upvalue {
	u := &lua.Upvalue{}
	u.Close()
	u.SetValue(v)
	return u
}

// library makes a table of functions a global.
func (e *Env) library(L *lua.LState, name string, funcs map[string]lua.LGFunction) *lua.LTable {
	t := L.CreateTable(0, 0)
	for f, fn := range funcs {
		t.RawSetString(f, L.NewFunction(fn))
	}
	e.known.RawSetString(name, t)
	return t
}

// checkpoint raises if the thread must not go on: its context is done, or the hook says so.
func (e *Env) checkpoint(L *lua.LState) {
	if err := e.ended(L); err != nil {
		L.RaiseError("%s", err)
	}
}

func (e *Env) ended(L *lua.LState) error {
	if ctx := L.Context(); ctx != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e.hooks.Checkpoint != nil {
		return e.hooks.Checkpoint(L)
	}
	return nil
}

// every calls checkpoint now and then in a loop that counts i.
func (e *Env) every(L *lua.LState, i int) {
	if i&0x3ff == 0 {
		e.checkpoint(L)
	}
}

// fits raises if a string of n bytes is more than a function may make.
func (e *Env) fits(L *lua.LState, n int) {
	if n > e.lim.StringBytes {
		L.RaiseError("string too long: %d bytes, and %d are allowed", n, e.lim.StringBytes)
	}
}
