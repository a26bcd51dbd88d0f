package host

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// Set is the bindings of one role, of which some are open in the core and the others in a user's session. It serves as a
// bindings.Set does.
type Set struct {
	peer    *Host
	id      uint64
	host    bindings.Host
	own     *bindings.Set
	modules []bindings.Module

	mu        sync.Mutex
	last      uint64
	callbacks map[uint64]bindings.Callback
}

// Call carries out one call where its module is open.
func (s *Set) Call(ctx context.Context, c bindings.Call) (any, error) {
	if !slices.ContainsFunc(s.modules, func(m bindings.Module) bool { return m.Name == c.Module }) {
		return s.own.Call(ctx, c)
	}
	c.Args = slices.Clone(c.Args)
	for i, arg := range c.Args {
		if f, ok := arg.(bindings.Callback); ok {
			c.Args[i] = contract.FuncRef{ID: s.keep(f)}
		}
	}
	var out any
	if err := s.peer.call(ctx, callDo, doing{s.id, c}, &out); err != nil {
		return nil, err
	}
	return out, nil
}

// keep gives a callback the number under which the session knows it.
func (s *Set) keep(f bindings.Callback) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.callbacks[s.last] = f
	return s.last
}

// run runs a callback that the role gave to a binding in the session, or lets go of it.
func (s *Set) run(ctx context.Context, in contract.Invocation) error {
	s.mu.Lock()
	f := s.callbacks[in.Func]
	if in.Release {
		delete(s.callbacks, in.Func)
	}
	s.mu.Unlock()
	switch {
	case f == nil:
		return bindings.Fail("closed", "no such function")
	case in.Release:
		f.Release()
		return nil
	}
	return f.Call(ctx, in.Args...)
}

// Describe tells a world about every module of the list, in its order.
func (s *Set) Describe(list []bindings.Binding, grants bindings.Grants) []bindings.Module {
	all := s.own.Describe(list, grants)
	for i, m := range all {
		if at := slices.IndexFunc(s.modules, func(o bindings.Module) bool { return o.Name == m.Name }); at >= 0 {
			all[i] = s.modules[at]
		}
	}
	return all
}

// Open reports how many handles of each type are open.
func (s *Set) Open() map[string]int {
	count := s.own.Open()
	maps.Copy(count, s.there().Open)
	return count
}

// Left names what is open, for people.
func (s *Set) Left() []string { return append(s.own.Left(), s.there().Left...) }

// there is what is open in the session; nothing in one that has ended.
func (s *Set) there() (in inventory) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = s.peer.call(ctx, callCount, s.id, &in)
	return in
}

// Close closes all of it. What was open in a session that has ended is closed already.
func (s *Set) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := s.peer.call(ctx, callShut, s.id, nil)
	if errors.Is(err, errGone) {
		err = nil
	}
	s.peer.forget(s.id)
	s.mu.Lock()
	callbacks := s.callbacks
	s.callbacks = map[uint64]bindings.Callback{}
	s.mu.Unlock()
	for _, f := range callbacks {
		f.Release()
	}
	return errors.Join(err, s.own.Close())
}
