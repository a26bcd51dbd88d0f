package trial

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/world"
	lua "github.com/yuin/gopher-lua"
)

// object is t, what a test asks and tells.
func (b *bench) object(L *lua.LState) *lua.LTable {
	t := L.NewTable()
	for name, f := range map[string]lua.LGFunction{
		"equal": b.equal, "match": b.match, "raises": b.raises, "stub": b.stub, "deliver": b.event, "sent": b.sent,
		"config": b.config, "stop": b.stop, "clock": b.clock, "run": b.run, "printed": b.said,
	} {
		t.RawSetString(name, L.NewFunction(f))
	}
	return t
}

// equal is t.equal(got, want): both as plain values. An empty list and an empty object are alike, as in Lua.
func (b *bench) equal(L *lua.LState) int {
	got, want := alike(b.plain(L, 1)), alike(b.plain(L, 2))
	if !reflect.DeepEqual(got, want) {
		L.RaiseError("got %s, want %s", show(got), show(want))
	}
	return 0
}

// alike makes an empty list of every empty object.
func alike(v any) any {
	switch x := v.(type) {
	case []any:
		for i := range x {
			x[i] = alike(x[i])
		}
	case map[string]any:
		if len(x) == 0 {
			return []any{}
		}
		for key := range x {
			x[key] = alike(x[key])
		}
	}
	return v
}

func (b *bench) plain(L *lua.LState, n int) any {
	v, err := b.world.ToPlain(L.Get(n))
	if err != nil {
		L.RaiseError("argument %d: %s", n, err)
	}
	return v
}

func show(v any) string { return strings.ReplaceAll(fmt.Sprintf("%#v", v), "interface {}", "any") }

// match is t.match(text, pattern): the pattern is a regular expression.
func (b *bench) match(L *lua.LState) int {
	text, pattern := L.CheckString(1), L.CheckString(2)
	re, err := regexp.Compile(pattern)
	if err != nil {
		L.RaiseError("%s", err)
	}
	if !re.MatchString(text) {
		L.RaiseError("%q does not match %q", text, pattern)
	}
	return 0
}

// raises is t.raises(fn, pattern): the function must raise, and what it raises must match.
func (b *bench) raises(L *lua.LState) int {
	_, err := world.Call(L, L.CheckFunction(1))
	if err == nil {
		L.RaiseError("nothing was raised")
	}
	if pattern := L.OptString(2, ""); !regexp.MustCompile(pattern).MatchString(err.Error()) {
		L.RaiseError("raised %q, which does not match %q", err, pattern)
	}
	return 0
}

// stub is t.stub("process.run", fn): the role's calls come to fn.
func (b *bench) stub(L *lua.LState) int {
	name, fn := L.CheckString(1), L.CheckFunction(2)
	module, function, _ := strings.Cut(name, ".")
	table, ok := b.world.Global(module).(*lua.LTable)
	if !ok || table.RawGetString(function).Type() != lua.LTFunction {
		L.RaiseError("no module that the role was granted has a function %q", name)
	}
	table.RawSetString(function, fn)
	return 0
}

// event is t.deliver(event, payload): returns once the handlers have ended, or wait for the clock.
func (b *bench) event(L *lua.LState) int {
	name, data := L.CheckString(1), b.plain(L, 2)
	b.away(L, func(ctx context.Context) error {
		return b.hand(ctx, func(ctx context.Context) error { return b.world.Deliver(ctx, name, data) })
	})
	return 0
}

// config is t.config(roles): the Engine's list of configurations; t.stop() is the empty one, which stops the role.
func (b *bench) config(L *lua.LState) int {
	roles, ok := b.plain(L, 1).([]any)
	if !ok || len(roles) == 0 {
		L.RaiseError("argument 1: a list of configurations expected; an empty one is t.stop()")
	}
	return b.configure(L, roles)
}

func (b *bench) stop(L *lua.LState) int { return b.configure(L, nil) }

func (b *bench) configure(L *lua.LState, roles any) int {
	b.away(L, func(ctx context.Context) error {
		return b.hand(ctx, func(ctx context.Context) error { return b.world.Configure(ctx, roles) })
	})
	return 0
}

// clock is t.clock(seconds): moves the clock from one thing that is due to the next, and returns once all of it has been
// done, or waits for a later hour.
func (b *bench) clock(L *lua.LState) int {
	d := time.Duration(float64(L.CheckNumber(1)) * float64(time.Second))
	b.away(L, func(ctx context.Context) error {
		end := b.host.Now().Add(d)
		for due := b.host.Due(end); due != nil; due = b.host.Due(end) {
			if err := b.hand(ctx, func(context.Context) error { due(); return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	return 0
}

func (b *bench) away(L *lua.LState, f func(context.Context) error) {
	var err error
	b.world.Away(L, func(ctx context.Context) { err = f(ctx) })
	if err != nil {
		L.RaiseError("%s", err)
	}
}

// sent is t.sent(): all that was emitted so far, as a list of { event, data }.
func (b *bench) sent(L *lua.LState) int {
	list := []any{}
	for _, s := range b.host.Sent() {
		list = append(list, map[string]any{"event": s.Event, "data": decoded(s.Data)})
	}
	L.Push(b.world.ToLua(L, list))
	return 1
}

// said is t.printed(): the lines that the role printed.
func (b *bench) said(L *lua.LState) int {
	list := []any{}
	for _, line := range b.lines() {
		list = append(list, line)
	}
	L.Push(b.world.ToLua(L, list))
	return 1
}

// run is t.run(name, fn): a test within the test; it goes on after a failure.
func (b *bench) run(L *lua.LState) int {
	name, fn := L.CheckString(1), L.CheckFunction(2)
	if _, err := world.Call(L, fn, b.object(L)); err != nil && b.sub == nil {
		b.sub = fmt.Errorf("%s: %w", name, err)
	}
	return 0
}
