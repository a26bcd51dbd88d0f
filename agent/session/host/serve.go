package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/session"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// maxCalls is how many calls of the core may be under way: each role has a bound of its own, which the core keeps.
const maxCalls = 4096

// service is the host's own side.
type service struct {
	list    []bindings.Binding
	machine session.Machine
	peer    *ipc.Peer
	life    context.Context

	mu   sync.Mutex
	sets map[uint64]*bindings.Set
}

// Serve is the life of a session host: it answers the core until the core hangs up or ctx ends, and then closes all
// that is open. The list is all that may be opened.
func Serve(ctx context.Context, r io.Reader, w io.Writer, list []bindings.Binding) error {
	if err := seclude(); err != nil {
		return err
	}
	codec, err := contract.Codec()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &service{list: list, life: ctx, sets: map[uint64]*bindings.Set{}}
	s.peer = ipc.New(r, w, ipc.Config{Codec: codec, Handle: s.handle, MaxCalls: maxCalls, Hangup: cancel})
	err = s.peer.Run(ctx)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, s.close())
}

// close ends at once what every role has open.
func (s *service) close() error {
	s.mu.Lock()
	sets := slices.Collect(maps.Values(s.sets))
	s.mu.Unlock()
	errs := make([]error, len(sets))
	var closing sync.WaitGroup
	for i, set := range sets {
		closing.Go(func() { errs[i] = set.Close() })
	}
	closing.Wait()
	return errors.Join(errs...)
}

func (s *service) handle(ctx context.Context, c ipc.Call) func() (any, error) {
	switch c.Name {
	case callEnter:
		return answer(c, func(in session.Session) (any, error) { return s.enter(ctx, in) })
	case callOpen:
		return answer(c, func(in opening) (any, error) { return s.open(in) })
	case callDo:
		return answer(c, func(in doing) (any, error) { return s.do(ctx, in) })
	case callCount:
		return answer(c, func(in uint64) (any, error) { return s.count(in) })
	case callShut:
		return answer(c, func(in uint64) (any, error) { return nil, s.shut(in) })
	}
	return unknown(c)
}

// answer reads a call's argument in the call's turn, and works on it outside of it.
func answer[T any](c ipc.Call, work func(T) (any, error)) func() (any, error) {
	var in T
	err := c.Decode(&in)
	return func() (any, error) {
		if err != nil {
			return nil, err
		}
		out, err := work(in)
		return out, contract.Failure(err)
	}
}

func unknown(c ipc.Call) func() (any, error) {
	return func() (any, error) {
		return nil, &ipc.Failure{Code: "unknown", Message: "no call " + c.Name, Misuse: true}
	}
}

// placing is how long after its beginning a session may take until its programs know their screen.
const placing = 20 * time.Second

// enter takes up the session's variables. A session that has just begun is given the time to have them.
func (s *service) enter(ctx context.Context, in session.Session) (entered, error) {
	if err := belongs(in); err != nil {
		return entered{}, err
	}
	env := s.machine.Environment(in)
	for !session.Placed(env, in) && time.Since(in.Since) < placing && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
		env = s.machine.Environment(in)
	}
	for name, value := range env {
		if err := os.Setenv(name, value); err != nil {
			return entered{}, fmt.Errorf("variable %q: %w", name, err)
		}
	}
	return entered{DataDir: settle()}, nil
}

// settle moves to the user's home, and says where roles may keep things there. A user without one, or who may not write
// in it, is served all the same, and nothing is kept.
func settle() string {
	if home, err := os.UserHomeDir(); err == nil {
		_ = os.Chdir(home)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	dir = filepath.Join(dir, "borealis-agent", "RoleData")
	if os.MkdirAll(dir, 0o700) != nil {
		return ""
	}
	return dir
}

// open opens for one role what the core names.
func (s *service) open(in opening) ([]bindings.Module, error) {
	var list []bindings.Binding
	for _, b := range s.list {
		if slices.Contains(in.Names, b.Name) {
			list = append(list, b)
		}
	}
	set, err := bindings.Open(&agency{service: s, set: in.Set, place: in.Place}, list, in.Grants)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sets[in.Set] != nil {
		return nil, errors.Join(fmt.Errorf("set %d is open already", in.Set), set.Close())
	}
	s.sets[in.Set] = set
	return set.Describe(list, in.Grants), nil
}

func (s *service) find(id uint64) (*bindings.Set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if set := s.sets[id]; set != nil {
		return set, nil
	}
	return nil, bindings.Fail("cancelled", "the role has ended")
}

func (s *service) do(ctx context.Context, in doing) (any, error) {
	set, err := s.find(in.Set)
	if err != nil {
		return nil, err
	}
	for i, arg := range in.Call.Args {
		if ref, ok := arg.(contract.FuncRef); ok {
			in.Call.Args[i] = &callback{service: s, set: in.Set, id: ref.ID}
		}
	}
	return set.Call(ctx, in.Call)
}

func (s *service) count(id uint64) (inventory, error) {
	set, err := s.find(id)
	if err != nil {
		return inventory{}, err
	}
	return inventory{set.Open(), set.Left()}, nil
}

func (s *service) shut(id uint64) error {
	s.mu.Lock()
	set := s.sets[id]
	delete(s.sets, id)
	s.mu.Unlock()
	if set == nil {
		return nil
	}
	return set.Close()
}
