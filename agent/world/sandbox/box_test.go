package sandbox

import (
	"context"
	"fmt"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// box is a world for tests: a state with the sandbox in it, and what was printed there.
type box struct {
	L       *lua.LState
	env     *Env
	printed []string
	helpers map[string]string // source of what require gives
}

func newBox(lim Limits) *box {
	b := &box{L: lua.NewState(Options()), helpers: map[string]string{}}
	b.env = Open(b.L, lim, Hooks{
		Print:   func(line string) { b.printed = append(b.printed, line) },
		Now:     time.Now,
		Require: b.require,
	})
	return b
}

func (b *box) require(L *lua.LState, name string) (lua.LValue, error) {
	source, ok := b.helpers[name]
	if !ok {
		return nil, fmt.Errorf("no helper %q", name)
	}
	fn, err := b.load(L, source, name+".lua")
	if err != nil {
		return nil, err
	}
	return call(L, fn), nil
}

func (b *box) load(L *lua.LState, source, file string) (*lua.LFunction, error) {
	chunk, err := Parse([]byte(source), file, b.env.lim)
	if err != nil {
		return nil, err
	}
	proto, err := chunk.Compile()
	if err != nil {
		return nil, err
	}
	return b.env.Function(L, proto), nil
}

// run runs a source on a thread of its own, as a world runs an event, and gives what it returns.
func (b *box) run(ctx context.Context, source, file string) (results []lua.LValue, err error) {
	th, cancel := b.L.NewThread()
	if cancel != nil {
		defer cancel()
	}
	if ctx != nil {
		th.SetContext(ctx)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	fn, err := b.load(th, source, file)
	if err != nil {
		return nil, err
	}
	if err := th.CallByParam(lua.P{Fn: fn, NRet: lua.MultRet, Protect: true}); err != nil {
		return nil, err
	}
	for i := 1; i <= th.GetTop(); i++ {
		results = append(results, th.Get(i))
	}
	return results, nil
}

// eval is what a source returns, as a list of texts.
func eval(t *testing.T, source string) []string {
	t.Helper()
	results, err := newBox(DefaultLimits()).run(t.Context(), source, "test.lua")
	if err != nil {
		t.Fatalf("%s\n%v", source, err)
	}
	texts := make([]string, len(results))
	for i, v := range results {
		s, ok := toText(v)
		if !ok {
			s = v.String()
		}
		texts[i] = s
	}
	return texts
}
