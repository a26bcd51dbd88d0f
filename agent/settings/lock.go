package settings

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// The locks that the processes of one device take turns with.
const (
	LockIdentity   = "identity.lock"
	LockGUID       = "agent_guid.lock"
	LockEnrollment = "enrollment.lock"
)

// ErrLocked says that another holder has the lock now.
var ErrLocked = errors.New("locked by another process")

// ErrServed says that another process of the device serves the mode already.
var ErrServed = errors.New("another process serves this mode")

const (
	lockRetry = 100 * time.Millisecond
	// serveGrace outlasts the instant for which Present holds a lock that it only probes.
	serveGrace = 2 * time.Second
)

// Lock takes the lock called name and waits for it until ctx ends. The holder calls unlock once. The lock goes with
// the process, however it ends; the file stays.
func (t *Tree) Lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		unlock, err = t.TryLock(name)
		if !errors.Is(err, ErrLocked) {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-time.After(lockRetry):
		}
	}
}

// TryLock takes the lock called name if it is free, else it says ErrLocked at once.
func (t *Tree) TryLock(name string) (unlock func(), err error) {
	f, err := t.openLock(name)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f, true); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %q: %w", name, err), f.Close())
	}
	t.sign(f)
	return sync.OnceFunc(func() { _ = f.Close() }), nil // closing a lock file lets go of it and can lose nothing
}

// sign writes who holds the lock, for people. The lock holds without it.
func (t *Tree) sign(f *os.File) {
	text := fmt.Sprintf("pid=%d ts=%d\n", os.Getpid(), t.now().Unix())
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(text), 0)
	}
}

func (t *Tree) openLock(name string) (*os.File, error) {
	f, err := os.OpenFile(t.file(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", name, err)
	}
	return f, nil
}

// Serve marks mode as served by this process until release is called or the process ends. ErrServed says that
// another process has it.
func (t *Tree) Serve(ctx context.Context, mode string) (release func(), err error) {
	mode = Suffix(mode)
	wait, cancel := context.WithTimeout(ctx, serveGrace)
	defer cancel()
	unlock, err := t.Lock(wait, presenceLock(mode))
	if err != nil {
		if errors.Is(err, ErrLocked) && ctx.Err() == nil {
			err = fmt.Errorf("mode %s: %w", mode, ErrServed)
		}
		return nil, err
	}
	t.setServing(mode, true)
	return func() {
		t.setServing(mode, false)
		unlock()
	}, nil
}

// Present says whether another process of the device serves mode now. When that cannot be told, it says no.
func (t *Tree) Present(mode string) bool {
	mode = Suffix(mode)
	t.mu.Lock()
	own := t.serving[mode]
	t.mu.Unlock()
	if own {
		return false
	}
	f, err := os.OpenFile(t.file(presenceLock(mode)), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(lockFile(f, false), ErrLocked)
}

func (t *Tree) setServing(mode string, on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.serving[mode] = on
}

func presenceLock(mode string) string { return "agent_" + mode + ".lock" }
