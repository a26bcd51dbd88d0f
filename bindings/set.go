package bindings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime/debug"
	"sync"
)

// closeMethod is the method that every handle has.
const closeMethod = "close"

// MaxHandles is how many things one role may keep open at a time.
const MaxHandles = 1024

// Set is the bindings of one role, opened: its functions by name, and the handles that they gave out.
type Set struct {
	host    Host
	modules map[string]*module
	kinds   map[reflect.Type]string // the Go type of a handle's value -> the handle's type

	mu      sync.Mutex
	closed  bool
	last    uint64
	handles map[uint64]Handle
}

type module struct {
	binding Binding
	*Instance
}

// Call names one call of a role. Ref 0 is a function of the module, else a method of that handle.
type Call struct {
	Module string `cbor:"1,keyasint"`
	Ref    uint64 `cbor:"2,keyasint,omitempty"`
	Func   string `cbor:"3,keyasint"`
	Args   []any  `cbor:"4,keyasint,omitempty"`
}

// Open opens for one role those of the list that its grants cover.
func Open(host Host, list []Binding, grants Grants) (*Set, error) {
	s := &Set{host: host, modules: map[string]*module{}, kinds: map[reflect.Type]string{}, handles: map[uint64]Handle{}}
	for _, b := range list {
		if !grants.Has(b.Grant) {
			continue
		}
		instance, err := b.Open(host)
		if errors.Is(err, ErrUnsupported) {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", b.Name, err), s.Close())
		}
		s.modules[b.Name] = &module{binding: b, Instance: instance}
		s.learn(b.Handles)
	}
	return s, nil
}

// learn notes the Go types of handles' values: a method's first argument after the context is one.
func (s *Set) learn(types []HandleType) {
	for _, t := range types {
		for _, m := range t.Methods {
			s.kinds[reflect.TypeOf(m.Do).In(1)] = t.Name
		}
	}
}

// Call carries out one call and gives its result as a plain value. Its error is a *Misuse or an *Error.
func (s *Set) Call(ctx context.Context, c Call) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.host.Log().Error("binding panicked", "call", c.Module+"."+c.Func, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			result, err = nil, Fail("internal", "internal error")
		}
	}()
	if c.Ref != 0 && c.Func == closeMethod {
		if err := s.Release(c.Ref); err != nil {
			return nil, classify(err)
		}
		return true, nil
	}
	f, in, err := s.prepare(ctx, c)
	if err != nil {
		letGo(c.Args)
		return nil, err
	}
	out, err := s.result(reflect.ValueOf(f.Do).Call(in))
	if err != nil {
		return nil, classify(err)
	}
	return out, nil
}

// prepare finds the function and fits the arguments to it.
func (s *Set) prepare(ctx context.Context, c Call) (Func, []reflect.Value, error) {
	f, self, err := s.find(c)
	if err != nil {
		return Func{}, nil, err
	}
	in, err := s.fit(ctx, f, self, c.Args)
	if err != nil {
		return Func{}, nil, classify(err)
	}
	return f, in, nil
}

// letGo releases the functions among arguments that no binding has seen.
func letGo(args []any) {
	for _, arg := range args {
		if c, ok := arg.(Callback); ok {
			c.Release()
		}
	}
}

func (s *Set) find(c Call) (Func, any, error) {
	m := s.modules[c.Module]
	if m == nil {
		return Func{}, nil, misuse("no module %q here", c.Module)
	}
	if c.Ref == 0 {
		f, ok := m.Funcs[c.Func]
		if !ok {
			return Func{}, nil, misuse("%s has no function %q%s", c.Module, c.Func, suggest(c.Func, sortedKeys(m.Funcs)))
		}
		return f, nil, nil
	}
	h, err := s.handle(c.Ref)
	if err != nil {
		return Func{}, nil, err
	}
	for _, t := range m.binding.Handles {
		if f, ok := t.Methods[c.Func]; ok && t.Name == h.Type {
			return f, h.Value, nil
		}
	}
	return Func{}, nil, misuse("a %s has no method %q", h.Type, c.Func)
}

// fit makes of plain arguments what the Go function takes.
func (s *Set) fit(ctx context.Context, f Func, self any, args []any) ([]reflect.Value, error) {
	fn := reflect.TypeOf(f.Do)
	in := []reflect.Value{reflect.ValueOf(ctx)}
	if self != nil {
		in = append(in, reflect.ValueOf(self))
	}
	want := fn.NumIn() - len(in)
	if len(args) > want {
		return nil, misuse("%d arguments given, at most %d expected", len(args), want)
	}
	d := decoder{handle: func(r Ref) (any, error) { h, err := s.handle(r.ID); return h.Value, err }, kinds: s.kinds}
	for i := range want {
		var v any
		if i < len(args) {
			v = args[i]
		}
		arg := reflect.New(fn.In(len(in))).Elem()
		if err := d.into(arg, v, fmt.Sprintf("argument %d", i+1)); err != nil {
			return nil, err
		}
		in = append(in, arg)
	}
	return in, nil
}

// result makes what the Go function returned plain.
func (s *Set) result(out []reflect.Value) (any, error) {
	if err, _ := out[len(out)-1].Interface().(error); err != nil {
		return nil, err
	}
	if len(out) == 1 {
		return true, nil
	}
	return encoder{keep: s.keep}.plain(out[0])
}

func (s *Set) keep(h Handle) (Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.handles) >= MaxHandles {
		s.forgetFinishedLocked()
	}
	if s.closed || len(s.handles) >= MaxHandles {
		err := Fail("limit", "%d things are open already", len(s.handles))
		if s.closed {
			err = Fail("cancelled", "the role has ended")
		}
		return Ref{}, errors.Join(err, closeValue(h.Value))
	}
	s.last++
	s.handles[s.last] = h
	return Ref{ID: s.last, Type: h.Type}, nil
}

func (s *Set) handle(id uint64) (Handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.handles[id]
	if !ok {
		return Handle{}, Fail("closed", "the handle is closed")
	}
	return h, nil
}

// forgetFinishedLocked makes room: a role need not close what has ended by itself.
func (s *Set) forgetFinishedLocked() {
	for id, h := range s.handles {
		if f, ok := h.Value.(Finisher); ok && f.Finished() {
			delete(s.handles, id)
		}
	}
}

// Release lets go of a handle and closes its value.
func (s *Set) Release(id uint64) error {
	s.mu.Lock()
	h, ok := s.handles[id]
	delete(s.handles, id)
	s.mu.Unlock()
	if !ok {
		return nil
	}
	return closeValue(h.Value)
}

// Open reports how many handles of each type are open.
func (s *Set) Open() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetFinishedLocked()
	count := map[string]int{}
	for _, h := range s.handles {
		count[h.Type]++
	}
	return count
}

// Left names what is open, alike things together: "2 process.Child sleep". A handle's value that is a fmt.Stringer says
// what it is; one that is Over needs no closing any more.
func (s *Set) Left() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetFinishedLocked()
	count := map[string]int{}
	for _, h := range s.handles {
		if last, ok := h.Value.(interface{ Over() bool }); ok && last.Over() {
			continue
		}
		name := h.Type
		if named, ok := h.Value.(fmt.Stringer); ok {
			name += " " + named.String()
		}
		count[name]++
	}
	var left []string
	for _, name := range sortedKeys(count) {
		left = append(left, fmt.Sprintf("%d %s", count[name], name))
	}
	return left
}

// Close closes every handle and then the modules.
func (s *Set) Close() error {
	s.mu.Lock()
	handles := s.handles
	s.handles, s.closed = map[uint64]Handle{}, true
	s.mu.Unlock()
	var errs []error
	for _, h := range handles {
		errs = append(errs, closeValue(h.Value))
	}
	for _, m := range s.modules {
		if m.Close != nil {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}

func closeValue(v any) error {
	if c, ok := v.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
