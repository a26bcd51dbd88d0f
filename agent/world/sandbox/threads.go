package sandbox

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// link is a thread that runs for another one, which waits for it: a coroutine, or a protected call.
type link struct {
	waiting   *lua.LState
	coroutine bool
	frames    int // of all threads that wait, one for the other
	routines  int // coroutines among them, this one included
	protected int // protected calls among them, this one included
}

// maxIdle is how many threads are kept for the next protected call.
const maxIdle = 4

// openThreads prepares the making of threads. They are copies of one that never has a context: a thread made from one
// with a context registers with that context for good.
func (e *Env) openThreads(L *lua.LState) {
	ctx := L.Context()
	if ctx != nil {
		L.RemoveContext()
	}
	e.seed, _ = L.NewThread()
	if ctx != nil {
		L.SetContext(ctx)
	}
}

// enter links a thread to the one that will wait for it. The new thread shares the other's context from now on,
// whenever and by whom it was made.
func (e *Env) enter(L, th *lua.LState, coroutine bool) error {
	next := e.frames[L]
	next.waiting, next.coroutine = L, coroutine
	next.frames += depth(L)
	if coroutine {
		next.routines++
	} else {
		next.protected++
	}
	switch {
	case next.routines > e.lim.CoroutineDepth:
		return fmt.Errorf("coroutines nested more than %d deep", e.lim.CoroutineDepth)
	case next.protected > e.lim.ProtectedDepth, next.frames > e.lim.Frames:
		return errors.New("stack overflow")
	}
	if ctx := L.Context(); ctx != nil {
		th.SetContext(ctx)
	} else {
		th.RemoveContext()
	}
	e.frames[th] = next
	return nil
}

// leave undoes enter.
func (e *Env) leave(L, th *lua.LState) {
	L.G.CurrentThread = L
	delete(e.frames, th)
}

// depth is how many functions are being called on a thread.
func depth(L *lua.LState) int {
	low, high := 0, 1 // there is a frame at every level below low, and none at high or past it
	for has(L, high-1) {
		low, high = high, high*2
	}
	for low+1 < high {
		if middle := (low + high) / 2; has(L, middle-1) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

func has(L *lua.LState, level int) bool {
	_, ok := L.GetStack(level)
	return ok
}

// protect calls the function that is on L's stack below its arguments, on a thread of its own, and returns that
// thread with the results on it, or the error's value. Give the thread back with release once the results are taken.
func (e *Env) protect(L *lua.LState, args int) (th *lua.LState, failure lua.LValue) {
	th = e.thread()
	if err := e.enter(L, th, false); err != nil {
		e.release(th)
		return nil, lua.LString(where(L, 1) + err.Error())
	}
	defer e.leave(L, th)
	defer func() {
		if p := recover(); p != nil { // gopher-lua's own protected call can panic
			th, failure = nil, lua.LString(fmt.Sprintf("internal error: %v", p))
		}
	}()
	L.G.CurrentThread = th
	L.XMoveTo(th, args+1)
	if err := th.PCall(args, lua.MultRet, nil); err != nil {
		return nil, e.failure(th, err)
	}
	return th, nil
}

// failure takes an error's value, as scripts see it. A thread that panicked is in no state to be used again.
func (e *Env) failure(th *lua.LState, err error) lua.LValue {
	var api *lua.ApiError
	if !errors.As(err, &api) || api.Type == lua.ApiErrorPanic {
		return lua.LString(Describe(err))
	}
	e.release(th)
	return api.Object
}

// thread takes an idle thread, or makes one.
func (e *Env) thread() *lua.LState {
	if n := len(e.idle); n > 0 {
		th := e.idle[n-1]
		e.idle = e.idle[:n-1]
		return th
	}
	th, _ := e.seed.NewThread()
	return th
}

func (e *Env) release(th *lua.LState) {
	th.SetTop(0)
	th.RemoveContext()
	if len(e.idle) < maxIdle {
		e.idle = append(e.idle, th)
	}
}

// rethrow is called with what a protected call or a coroutine ended with. It raises if the thread must end: no script
// may keep the end of its context for itself.
func (e *Env) rethrow(L *lua.LState, failure lua.LValue) {
	err := e.ended(L)
	if err == nil {
		return
	}
	message, _ := toText(failure)
	if _, reason, ok := strings.Cut(message, ": "); ok && placed(message) && (reason == err.Error() || reason == ending(L)) {
		L.Error(failure, 0) // it says already where the end came
	}
	L.RaiseError("%s", err)
}

// ending is how the interpreter says that the thread's context is done.
func ending(L *lua.LState) string {
	if ctx := L.Context(); ctx != nil && ctx.Err() != nil {
		return ctx.Err().Error()
	}
	return ""
}

func (e *Env) pcall(L *lua.LState) int {
	if message := notCallable(L, given(L, 1)); message != "" {
		L.Push(lua.LFalse)
		L.Push(lua.LString(message))
		return 2
	}
	th, failure := e.protect(L, L.GetTop()-1)
	if th == nil {
		e.rethrow(L, failure)
		L.Push(lua.LFalse)
		L.Push(failure)
		return 2
	}
	return e.results(L, th)
}

// results takes what a protected call returned.
func (e *Env) results(L, th *lua.LState) int {
	n := th.GetTop()
	L.Push(lua.LTrue)
	th.XMoveTo(L, n)
	e.release(th)
	return n + 1
}

func notCallable(L *lua.LState, v lua.LValue) string {
	if v.Type() == lua.LTFunction || L.GetMetaField(v, "__call").Type() == lua.LTFunction {
		return ""
	}
	return fmt.Sprintf("attempt to call a %s value", v.Type())
}

// xpcall calls its handler when the error has unwound already; without a debug library nobody can tell.
func (e *Env) xpcall(L *lua.LState) int {
	handler := given(L, 2)
	message := notCallable(L, L.Get(1))
	L.SetTop(1)
	var th *lua.LState
	failure := lua.LValue(lua.LString(message))
	if message == "" {
		th, failure = e.protect(L, 0)
	}
	if th != nil {
		return e.results(L, th)
	}
	e.rethrow(L, failure)
	return e.handle(L, handler, failure)
}

// handle has an error handled.
func (e *Env) handle(L *lua.LState, handler, failure lua.LValue) int {
	L.SetTop(0)
	L.Push(lua.LFalse)
	if notCallable(L, handler) != "" {
		L.Push(lua.LString("error in error handling"))
		return 2
	}
	L.Push(handler)
	L.Push(failure)
	th, again := e.protect(L, 1)
	if th == nil {
		e.rethrow(L, again)
		L.Push(lua.LString("error in error handling"))
		return 2
	}
	th.SetTop(1)
	L.Push(th.Get(1))
	e.release(th)
	return 2
}
