package trial

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/world"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// server is a worker that runs tests: at first it has no suite.
type server struct {
	pure, fake []bindings.Binding
	peer       *ipc.Peer

	mu    sync.Mutex
	suite Suite
}

// Serve runs the tests that the core asks for, until it hangs up. The pure bindings are the world's; those of fake
// live on the host whose clock stands still; all others are the core's or a stub's.
func Serve(ctx context.Context, r io.Reader, w io.Writer, pure, fake []bindings.Binding) error {
	codec, err := contract.Codec()
	if err != nil {
		return err
	}
	s := &server{pure: pure, fake: fake}
	s.peer = ipc.New(r, w, ipc.Config{Codec: codec, Handle: s.handle})
	if err := s.peer.Run(ctx); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (s *server) handle(_ context.Context, c ipc.Call) func() (any, error) {
	switch c.Name {
	case contract.Inspect:
		return asking(c, func(src contract.Source) (any, error) {
			return world.Inspect(src, world.DefaultLimits().Sandbox), nil
		})
	case contract.Suite:
		return asking(c, s.take)
	case contract.Test:
		return asking(c, s.test)
	}
	return func() (any, error) {
		return nil, &ipc.Failure{Code: "unknown", Message: "no call " + c.Name, Misuse: true}
	}
}

func asking[T any](c ipc.Call, f func(T) (any, error)) func() (any, error) {
	return func() (any, error) {
		var in T
		if err := c.Decode(&in); err != nil {
			return nil, err
		}
		return f(in)
	}
}

func (s *server) take(t contract.Trial) (any, error) {
	suite := Suite{
		Role: t.Role, Tests: t.Tests, Libs: t.Libs, Bindings: s.fake, Pure: s.pure,
		Modules: t.Modules, Real: t.Carried, Elsewhere: s.elsewhere,
	}
	s.mu.Lock()
	s.suite = suite
	s.mu.Unlock()
	return suite.Names()
}

func (s *server) test(c contract.Case) (any, error) {
	s.mu.Lock()
	suite := s.suite
	s.mu.Unlock()
	printed, err := suite.Run(c.Name, c.DataDir)
	outcome := contract.Outcome{Printed: printed}
	if err != nil {
		outcome.Problem = err.Error()
	}
	return outcome, nil
}

// elsewhere has the core carry out a call.
func (s *server) elsewhere(ctx context.Context, c contract.Dated) (result any, err error) {
	err = s.peer.Call(ctx, contract.DoAt, c, &result)
	return result, err
}
