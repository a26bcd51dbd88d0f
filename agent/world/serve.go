package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/world/sandbox"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// maxCalls is how many functions of the role that bindings hold may be under way at a time. Each may wait for a call of
// its own, and the core takes 256 of those: the rest is for the handlers of events.
const maxCalls = 200

// errNoWorld answers calls that come before load.
var errNoWorld = &ipc.Failure{Code: "not_loaded", Message: "no role is loaded yet"}

// Options are what a worker brings to its world.
type Options struct {
	// Pure are the bindings that run in the world itself.
	Pure   []bindings.Binding
	Limits Limits
	// Missing is what of its lockdown the worker could not get.
	Missing []string
	// Settle is run once the role is loaded; nil for nothing.
	Settle func()
	// Exhausted is told that the role holds too much memory and does not let go of it; nil ignores it.
	Exhausted func(reason error)
}

// server answers the core's calls, at first without a world and then with one.
type server struct {
	Options
	peer *ipc.Peer

	mu    sync.Mutex
	world *World
}

// Serve answers the core over the two pipes until the core hangs up.
func Serve(ctx context.Context, r io.Reader, w io.Writer, opts Options) error {
	codec, err := contract.Codec()
	if err != nil {
		return err
	}
	s := &server{Options: opts}
	s.peer = ipc.New(r, w, ipc.Config{Codec: codec, Handle: s.handle, Hangup: s.close, MaxCalls: maxCalls, Busy: s.busy})
	if err := s.peer.Run(ctx); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (s *server) close() {
	if w := s.current(); w != nil {
		w.Close()
	}
}

func (s *server) current() *World {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world
}

// busy says of a call for which there is no place which of the role's functions it was for.
func (s *server) busy(c ipc.Call) string {
	const reason = "too many calls are under way"
	var inv contract.Invocation
	if w := s.current(); w != nil && c.Name == contract.Callback && c.Decode(&inv) == nil {
		if origin, ok := w.origins.Load(inv.Func); ok {
			return fmt.Sprintf("%s: %s: this function was not run", origin, reason)
		}
	}
	return reason
}

type work = func() (any, error)

// handle takes the core's calls. Places in the baton's line are taken here, in the order of arrival.
func (s *server) handle(ctx context.Context, c ipc.Call) work {
	switch c.Name {
	case contract.Inspect:
		return s.inspect(c)
	case contract.Requires:
		return s.requires(c)
	case contract.Load:
		return s.load(ctx, c)
	}
	w := s.current()
	if w == nil {
		return func() (any, error) { return nil, errNoWorld }
	}
	return live(ctx, w, c)
}

func (s *server) inspect(c ipc.Call) work {
	return func() (any, error) {
		var src contract.Source
		if err := c.Decode(&src); err != nil {
			return nil, err
		}
		m := Inspect(src, s.Limits.Sandbox)
		m.Missing = s.Missing
		return m, nil
	}
}

func (s *server) requires(c ipc.Call) work {
	return func() (any, error) {
		var src contract.Source
		if err := c.Decode(&src); err != nil {
			return nil, err
		}
		chunk, err := sandbox.Parse(src.Text, src.File, s.Limits.Sandbox)
		if err != nil {
			return nil, err
		}
		return chunk.Requires(), nil
	}
}

func (s *server) load(ctx context.Context, c ipc.Call) work {
	return func() (any, error) {
		var setup contract.Setup
		if err := c.Decode(&setup); err != nil {
			return nil, err
		}
		w, err := New(core{s.peer}, setup, s.Pure, s.Limits)
		if err != nil {
			return nil, err
		}
		if s.Exhausted != nil {
			w.governor.exhausted = s.Exhausted
		}
		if err := s.adopt(w); err != nil {
			return nil, errors.Join(err, w.Close())
		}
		loaded := w.Load(ctx)
		if s.Settle != nil {
			s.Settle()
		}
		return loaded, nil
	}
}

func (s *server) adopt(w *World) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.world != nil {
		return &ipc.Failure{Code: "loaded", Message: "a worker loads one role once"}
	}
	s.world = w
	return nil
}

// live takes a call for a world that exists.
func live(ctx context.Context, w *World, c ipc.Call) work {
	switch c.Name {
	case contract.Event:
		return turn(w, c, func(p place, h contract.Happening) (any, error) { return nil, w.Event(ctx, p, h) })
	case contract.Config:
		return turn(w, c, func(p place, roles []byte) (any, error) { return nil, w.Config(ctx, p, roles) })
	case contract.Callback:
		return turn(w, c, func(p place, inv contract.Invocation) (any, error) { return nil, w.Callback(ctx, p, inv) })
	case contract.Stop:
		return turn(w, c, func(p place, _ any) (any, error) { return nil, w.Stop(ctx, p) })
	case contract.State:
		return turn(w, c, func(p place, _ any) (any, error) { return w.State(ctx, p) })
	case contract.Health:
		return turn(w, c, func(p place, _ any) (any, error) { return w.Health(ctx, p) })
	}
	return func() (any, error) { return nil, &ipc.Failure{Code: "unknown", Message: "no call " + c.Name} }
}

// turn decodes a call's argument and takes its place in the line.
func turn[In any](w *World, c ipc.Call, f func(place, In) (any, error)) work {
	var in In
	if err := c.Decode(&in); err != nil {
		return func() (any, error) { return nil, err }
	}
	p := w.baton.queue()
	return func() (any, error) { return f(p, in) }
}

// core is the world's way to the agent's core.
type core struct{ peer *ipc.Peer }

func (c core) Do(ctx context.Context, call bindings.Call) (result any, err error) {
	err = c.peer.Call(ctx, contract.Do, call, &result)
	return result, err
}

// Print is lost when the core is gone: so is the log that it was meant for.
func (c core) Print(line string) {
	_ = c.peer.Call(context.Background(), contract.Print, line, nil)
}
