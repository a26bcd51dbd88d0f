package sandbox

import (
	"runtime"
	"slices"
	"weak"

	lua "github.com/yuin/gopher-lua"
)

// routines is what makes and runs coroutines.
type routines struct {
	stockCreate, stockResume lua.LGFunction             // gopher-lua's own
	shim                     *lua.FunctionProto         // see shimmed
	made                     []weak.Pointer[lua.LState] // those not known to be finished or forgotten
}

func (e *Env) openCoroutine(L *lua.LState) {
	scratch := lua.NewState(lua.Options{SkipOpenLibs: true, CallStackSize: 1, RegistrySize: registrySize})
	lua.OpenCoroutine(scratch)
	stock := scratch.Get(-1).(*lua.LTable)
	e.stockCreate = stock.RawGetString("create").(*lua.LFunction).GFunction
	e.stockResume = stock.RawGetString("resume").(*lua.LFunction).GFunction
	e.shim = shimProto()
	library := e.library(L, "coroutine", map[string]lua.LGFunction{
		"create": func(L *lua.LState) int { L.Push(e.create(L)); return 1 },
		"resume": e.resume, "running": e.running, "status": e.status, "wrap": e.wrap,
	})
	library.RawSetString("yield", e.shimmed(L.NewFunction(e.yield)))
}

// shimProto compiles the function that shimmed needs.
func shimProto() *lua.FunctionProto {
	const source = "local target; return function(...) return target(...) end"
	chunk, err := Parse([]byte(source), "[coroutine]", DefaultLimits())
	if err != nil {
		panic(err)
	}
	proto, err := chunk.Compile()
	if err != nil {
		panic(err)
	}
	return proto.FunctionPrototypes[0]
}

// shimmed puts a Lua function around a Go function, which does two things that a Go function cannot. It fits what a
// yield gives to what its caller wants: when a coroutine is resumed with less, gopher-lua leaves the registers as they
// are and crashes reading them. And it can be the body of a coroutine, which gopher-lua does not end properly if it is
// a Go function.
func (e *Env) shimmed(target *lua.LFunction) *lua.LFunction {
	return &lua.LFunction{Env: e.globals, Proto: e.shim, Upvalues: []*lua.Upvalue{upvalue(target)}}
}

// create makes a coroutine of the function that is the first argument.
func (e *Env) create(L *lua.LState) *lua.LState {
	body := function(L, 1)
	if body.IsG {
		body = e.shimmed(body)
	}
	e.makeRoom(L)
	e.seed.SetTop(0)
	e.seed.Push(body)
	e.stockCreate(e.seed)
	th := e.seed.Get(-1).(*lua.LState)
	e.seed.SetTop(0)
	e.made = append(e.made, weak.Make(th))
	return th
}

// makeRoom raises if there are too many coroutines. Those that nobody can resume any more do not count, which only
// the garbage collector can tell.
func (e *Env) makeRoom(L *lua.LState) {
	gone := func(p weak.Pointer[lua.LState]) bool { th := p.Value(); return th == nil || th.Dead }
	for _, collect := range []func(){func() {}, runtime.GC} {
		if len(e.made) < e.lim.Coroutines {
			return
		}
		collect()
		e.made = slices.DeleteFunc(e.made, gone)
	}
	if len(e.made) >= e.lim.Coroutines {
		L.RaiseError("too many coroutines: %d are not finished", len(e.made))
	}
}

// routine is the coroutine that a thread runs in: itself, or one that waits for it. Nil is none.
func (e *Env) routine(L *lua.LState) *lua.LState {
	for {
		at, linked := e.frames[L]
		switch {
		case !linked:
			return nil
		case at.coroutine:
			return L
		}
		L = at.waiting
	}
}

func (e *Env) state(L, th *lua.LState) string {
	_, linked := e.frames[th]
	switch {
	case th.Dead:
		return "dead"
	case th == e.routine(L):
		return "running"
	case linked:
		return "normal"
	}
	return "suspended"
}

func (e *Env) status(L *lua.LState) int {
	L.Push(lua.LString(e.state(L, thread(L, 1))))
	return 1
}

func (e *Env) running(L *lua.LState) int {
	if th := e.routine(L); th != nil {
		L.Push(th)
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// resume runs a coroutine until it yields, returns or fails.
func (e *Env) resume(L *lua.LState) (results int) {
	th := thread(L, 1)
	refuse := func(message string) int {
		L.Push(lua.LFalse)
		L.Push(lua.LString(message))
		return 2
	}
	if state := e.state(L, th); state != "suspended" {
		return refuse("cannot resume " + state + " coroutine")
	}
	if err := e.enter(L, th, true); err != nil {
		return refuse(err.Error())
	}
	whole := false
	defer func() {
		e.leave(L, th)
		th.Dead = th.Dead || !whole // it did not even come back with its error
	}()
	results = e.stockResume(L)
	whole = true
	if L.Get(-results) == lua.LFalse {
		e.rethrow(L, L.Get(-1))
	}
	return results
}

func (e *Env) wrap(L *lua.LState) int {
	th := e.create(L)
	L.Push(L.NewFunction(func(L *lua.LState) int {
		L.Insert(th, 1)
		results := e.resume(L)
		if L.Get(-results) == lua.LTrue {
			return results - 1
		}
		failure := L.Get(-1)
		if message, ok := toText(failure); ok {
			failure = lua.LString(where(L, 1) + message)
		}
		L.Error(failure, 0)
		return 0
	}))
	return 1
}

// yield is what stands behind coroutine.yield; its caller is the shim.
func (e *Env) yield(L *lua.LState) int {
	if problem := e.unyieldable(L); problem != "" {
		L.Error(lua.LString(where(L, 2)+problem), 0)
	}
	return -1
}

// unyieldable says why a thread cannot yield here. gopher-lua would try, and mix up the stacks of both threads.
func (e *Env) unyieldable(L *lua.LState) string {
	const crossing = "attempt to yield across metamethod/C-call boundary"
	if e.routine(L) == nil {
		return "attempt to yield from outside a coroutine"
	}
	if !e.frames[L].coroutine { // a protected call of a coroutine
		return crossing
	}
	for level := 1; ; level++ {
		frame, ok := L.GetStack(level)
		if !ok {
			return ""
		}
		fn, err := L.GetInfo("nf", frame, nil)
		if err != nil || fn.(*lua.LFunction).IsG || frame.Name == "" || frame.Name[0] == '<' {
			return crossing
		}
	}
}
