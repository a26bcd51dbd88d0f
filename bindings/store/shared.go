package store

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// registry knows the files that are in use in this process: a file is opened once, whoever shares it.
type registry struct {
	mu   sync.Mutex
	open map[string]*shared // by path
}

// shared is one file and who uses it.
type shared struct {
	path  string
	users int // guarded by registry.mu

	// turn is held by the one who uses, opens or closes the database: a lock that a cancelled call need not wait for.
	turn chan struct{}
	db   *db // nil until the first use, and after damage
	gone bool
}

func (r *registry) take(path string) *shared {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.open[path]
	if s == nil {
		s = &shared{path: path, turn: make(chan struct{}, 1)}
		r.open[path] = s
	}
	s.users++
	return s
}

// leave gives a share back; the last one closes the file.
func (r *registry) leave(s *shared) error {
	r.mu.Lock()
	s.users--
	last := s.users == 0
	if last {
		delete(r.open, s.path)
	}
	r.mu.Unlock()
	if !last {
		return nil
	}
	return s.close()
}

// do opens the database if need be and lets f have it.
func (s *shared) do(ctx context.Context, log *slog.Logger, f func(*db) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.openLocked(log); err != nil {
		return err
	}
	err := guarded(func() error { return f(s.db) })
	if errors.Is(err, errDamaged) {
		s.db.abandon()
		s.db = nil
		err = errors.Join(err, putAside(s.path, err, log))
	}
	return err
}

func (s *shared) openLocked(log *slog.Logger) (err error) {
	switch {
	case s.gone:
		return bindings.Fail("cancelled", "the role has ended")
	case s.db == nil:
		s.db, err = openOrReplace(s.path, log)
	}
	return err
}

func (s *shared) close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.gone = true
	if s.db == nil {
		return nil
	}
	return s.db.close()
}

// failure gives an error of the file the shape that roles meet.
func (s *shared) failure(err error) error {
	var told *bindings.Error
	switch {
	case err == nil, errors.As(err, &told), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, errInUse):
		return bindings.Fail("in_use", "store %q: %w", s.path, err)
	case errors.Is(err, errDamaged):
		return bindings.Fail("damaged", "store %q: %w; an empty one takes its place", s.path, err)
	case diskFull(err):
		return bindings.Fail("full", "store %q: the disk or the quota is full: %w", s.path, err)
	case errors.Is(err, fs.ErrPermission):
		return bindings.Fail("permission", "store %q: %w", s.path, err)
	}
	return bindings.Fail("failed", "store %q: %w", s.path, err)
}
