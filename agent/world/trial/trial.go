// Package trial runs the tests that stand beside a role, in the role's own world: role_X_test.lua holds functions
// test_...(t), and each runs with a fresh world and a host whose clock stands still. It promises that nothing of the
// machine is touched: a binding that would touch it raises, unless the test has stubbed it. It runs under go test, and
// in a worker in trial mode for `role test` and `role watch`; what serves a role never meets it.
package trial

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/world"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	lua "github.com/yuin/gopher-lua"
)

// Suite is a role with its tests.
type Suite struct {
	Role  contract.Source
	Tests contract.Source
	Libs  []contract.Source
	// Bindings are opened on the fake host; Pure are those of the world.
	Bindings, Pure []bindings.Binding
	// Real are modules that are really carried out, besides those that touch no machine.
	Real []string
	// Modules are those that are not among Bindings; Elsewhere carries out what of them is carried out at all.
	Modules   []bindings.Module
	Elsewhere func(context.Context, contract.Dated) (any, error)
}

// limit is how long one test may take in real time: its clock is a fake one, so nothing needs long.
const limit = 20 * time.Second

// Names are the suite's tests, in the order of the file.
func (s Suite) Names() ([]string, error) {
	var names []string
	err := s.inside("", func(_ *bench, tests *lua.LTable) error {
		names = ordered(tests)
		return nil
	})
	return names, err
}

// Run runs one test; its error says what does not hold, with file and line. The role's data directory is data, which
// must be the test's own: no test meets what another one kept.
func (s Suite) Run(name, data string) (printed []string, err error) {
	err = s.inside(data, func(b *bench, tests *lua.LTable) error {
		fn, ok := tests.RawGetString(name).(*lua.LFunction)
		if !ok {
			return fmt.Errorf("%s: no test %q", s.Tests.File, name)
		}
		ctx, cancel := context.WithTimeoutCause(context.Background(), limit, fmt.Errorf("took longer than %v", limit))
		defer cancel()
		err := b.world.Visit(ctx, func(L *lua.LState) error {
			_, err := world.Call(L, fn, b.object(L))
			return err
		})
		if err == nil {
			err = b.sub
		}
		printed = b.lines()
		return err
	})
	return printed, err
}

// inside brings the role and its tests to life and lets f use them.
func (s Suite) inside(data string, f func(*bench, *lua.LTable) error) error {
	b, err := s.open(data)
	if err != nil {
		return err
	}
	defer b.close()
	var tests *lua.LTable
	err = b.world.Visit(context.Background(), func(L *lua.LState) error {
		tests = L.NewTable()
		chunk, err := b.world.Chunk(L, s.Tests, tests)
		if err != nil {
			return err
		}
		_, err = world.Call(L, chunk)
		return err
	})
	if err != nil {
		return err
	}
	return f(b, tests)
}

// ordered lists the functions test_... by the line on which they begin.
func ordered(tests *lua.LTable) []string {
	var names []string
	lines := map[string]int{}
	tests.ForEach(func(k, v lua.LValue) {
		fn, ok := v.(*lua.LFunction)
		if name := k.String(); ok && fn.Proto != nil && strings.HasPrefix(name, "test_") {
			names = append(names, name)
			lines[name] = fn.Proto.LineDefined
		}
	})
	slices.SortFunc(names, func(a, b string) int { return lines[a] - lines[b] })
	return names
}
