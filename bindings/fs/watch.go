package fs

import (
	"context"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

const (
	watchType = "fs.Watch"
	// maxWatches is how many watches of a role may be open at a time, and maxWatched how many names each may have to
	// look at: the price of looking.
	maxWatches = 16
	maxWatched = 1000
	// lookPause lies between two looks. A look goes through the same doors as any read; the system's own notifications
	// go by path, and would tell of what lies beyond a link.
	lookPause = time.Second
)

// watches are those of one role.
type watches struct {
	host    bindings.Host
	look    func(path string) (sight, error)
	ctx     context.Context // of the functions that are told
	end     context.CancelFunc
	running sync.WaitGroup // looks, and the functions that they call

	mu     sync.Mutex // guards the rest, and what each watch says it does
	closed bool
	open   map[*watch]struct{}
}

func newWatches(host bindings.Host, look func(string) (sight, error)) *watches {
	w := &watches{host: host, look: look, open: map[*watch]struct{}{}}
	w.ctx, w.end = context.WithCancel(context.Background())
	return w
}

// watch tells a role's function what changed at a path. One look follows another only when the function has returned,
// so that nothing queues up: what changes meanwhile is one change.
type watch struct {
	*watches
	path string // as the role spells it
	fn   bindings.Callback

	// Of the one look at a time.
	seen    sight
	trouble string

	// Guarded by watches.mu.
	disarm  func() bool
	looking bool
}

func (m *module) watch(_ context.Context, path string, fn bindings.Callback) (*bindings.Handle, error) {
	w := &watch{watches: m.watches, path: path, fn: fn}
	if err := w.start(); err != nil {
		fn.Release()
		return nil, err
	}
	return &bindings.Handle{Type: watchType, Value: w}, nil
}

func (w *watch) start() (err error) {
	if w.seen, err = w.look(w.path); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return bindings.Fail("cancelled", "the role has ended")
	case len(w.open) >= maxWatches:
		return bindings.Fail("limit", "%d paths are watched already", maxWatches)
	}
	w.open[w] = struct{}{}
	w.disarm = w.host.AfterFunc(lookPause, w.tick)
	return nil
}

// tick is what the host's clock calls.
func (w *watch) tick() {
	if !w.begin() {
		return
	}
	defer w.running.Done()
	for _, c := range w.changes() {
		if !w.wanted() {
			break
		}
		_ = w.fn.Call(w.ctx, c) // the world has logged what went wrong, with file and line
	}
	if w.finish() {
		w.fn.Release()
	}
}

func (w *watch) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, open := w.open[w]; !open {
		return false
	}
	w.looking = true
	w.running.Add(1)
	return true
}

func (w *watch) wanted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, open := w.open[w]
	return open
}

// finish arms the next look, or reports that there is none.
func (w *watch) finish() (last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looking = false
	if _, open := w.open[w]; !open {
		return true
	}
	w.disarm = w.host.AfterFunc(lookPause, w.tick)
	return false
}

// changes looks again. A look that fails changes nothing, and is logged once for each reason.
func (w *watch) changes() []change {
	now, err := w.look(w.path)
	if err != nil {
		if w.trouble != err.Error() {
			w.trouble = err.Error()
			w.host.Log().Warn("a watched path cannot be looked at", "path", w.path, "error", err)
		}
		return nil
	}
	before := w.seen
	w.seen, w.trouble = now, ""
	return compare(w.path, before, now)
}

// Close ends the watch. It does not wait for a function that runs: the function may close its own watch.
func (w *watch) Close() error {
	if w.stop() {
		w.fn.Release()
	}
	return nil
}

// stop reports whether the function was idle, and is to be let go of by the one who stops.
func (w *watch) stop() (idle bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, open := w.open[w]; !open {
		return false
	}
	delete(w.open, w)
	w.disarm()
	return !w.looking
}

// close ends every watch and waits for the functions that run; their contexts end now.
func (w *watches) close() error {
	w.mu.Lock()
	w.closed = true
	var left []*watch
	for x := range w.open {
		left = append(left, x)
	}
	w.mu.Unlock()
	for _, x := range left {
		_ = x.Close() // never fails
	}
	w.end()
	w.running.Wait()
	return nil
}

// sight is what a look saw, by name: "" is the path itself, the others are what is in it when it is a directory.
type sight map[string]fs.FileInfo

// look takes in what stands at a path, which may be nothing.
func (m *module) look(path string) (sight, error) {
	p, err := m.find(readGrant, path, follow)
	if absent(err) {
		return sight{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer p.close()
	found, err := p.stat()
	switch {
	case absent(err):
		return sight{}, nil
	case err != nil:
		return nil, p.fail("watch", err)
	case !found.IsDir():
		return sight{"": found}, nil
	}
	seen, err := p.within(found)
	return seen, p.fail("watch", err)
}

// within takes in what is in a directory. What goes meanwhile was not there.
func (p *place) within(dir fs.FileInfo) (sight, error) {
	entries, err := p.entries(maxWatched + 1)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxWatched {
		return nil, bindings.Fail("too_large", "more than %d names", maxWatched)
	}
	seen := sight{"": dir}
	for _, e := range entries {
		found, err := p.root.Lstat(filepath.Join(p.name, e.Name()))
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		seen[e.Name()] = found
	}
	return seen, nil
}
