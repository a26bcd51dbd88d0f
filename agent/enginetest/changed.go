package enginetest

import (
	"context"
	"sync"
)

// signal wakes everybody who waits for something to become true.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// next is closed by the next fire.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// wait asks now and after each fire, until the answer is true, an error, or ctx ends.
func (s *signal) wait(ctx context.Context, ask func() (bool, error)) error {
	for {
		next := s.next() // before asking, so that no change falls between
		if done, err := ask(); done || err != nil {
			return err
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
