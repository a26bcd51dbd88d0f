// Package reload keeps what runs equal to what lies in the watched directory: changed, inspected, loaded, switched,
// drained. It promises new before old: a file that cannot serve leaves the version before it serving and says why,
// with file and line. It reads files and decides; running them is the role package's, and no Lua is known here.
package reload

import (
	"context"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/dispatch"
	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// Config says what to watch and how.
type Config struct {
	Dir string
	// Start brings a version of a role to life.
	Start func(ctx context.Context, src role.Source) (*role.Role, error)
	Table *dispatch.Table
	Log   *slog.Logger
	// Changed is told that Status has changed; it must not block.
	Changed func()
	// History is told of every version that serves, is refused or quarantined, or ends with its file; nil drops it.
	History func(Entry)
	// Quarantine keeps over a restart what died too often; nil keeps nothing.
	Quarantine Quarantine
	// Shelf keeps over a restart what last served of each file, for when the file is broken by then; nil keeps nothing.
	Shelf Shelf
	// Released is asked at each look for the roles that an operator has released from quarantine, by name or file. It
	// gives each once; nil releases none.
	Released func() []string
	// Owned says whether a file or directory may be trusted; Owned() is the rule for this process.
	Owned func(fs.FileInfo) error
	Times Times
}

// Times are the durations of a reload.
type Times struct {
	// Settle is how far apart the two looks are in which a file must be equal to count.
	Settle time.Duration
	// Rescan is how often the directory is looked at without a notification.
	Rescan time.Duration
	// Start is how long a version may take to come to life.
	Start time.Duration
	// Drain is how long an old version may take to come to its end; its handlers have ends of their own.
	Drain time.Duration
	// Grace is how long an old version's handlers have when the next one but one comes.
	Grace time.Duration
	// Restart is the first pause before a role whose worker died is started again; it doubles up to 64 times this.
	Restart time.Duration
}

// DefaultTimes are those of the architecture.
func DefaultTimes() Times {
	return Times{
		Settle: 50 * time.Millisecond, Rescan: 2 * time.Second, Start: 10 * time.Second, Drain: 25 * time.Hour,
		Grace: time.Second, Restart: 500 * time.Millisecond,
	}
}

// Reloader watches one directory.
type Reloader struct {
	cfg Config

	mu    sync.Mutex
	slots map[string]*slot // by file name

	names   names
	ward    *ward
	shelf   *shelf
	running sync.WaitGroup // the slots, and what hints at changes
}

// New makes a reloader; of the directory nothing is read before Run.
func New(cfg Config) *Reloader {
	failed := func(what string) func(error) {
		return func(err error) { cfg.Log.Error(what+" not kept", "error", err) }
	}
	return &Reloader{
		cfg: cfg, slots: map[string]*slot{}, names: newNames(), ward: newWard(cfg.Quarantine, failed("quarantine")),
		shelf: newShelf(cfg.Shelf, failed("last good version")),
	}
}

// Run watches until ctx ends. Then every role is drained within the time that stop gives, and Run returns.
func (r *Reloader) Run(ctx context.Context, stop func() (context.Context, context.CancelFunc)) {
	hints := r.watch(ctx)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	r.follow(ctx, life, hints)
	end()
	r.running.Wait()
	bounded, cancel := stop()
	defer cancel()
	r.retire(bounded)
}

// follow looks at the directory whenever there is a hint, and now and then without one. While something is unsettled,
// hints are not heard: two looks must lie apart, however many notifications one save gives.
func (r *Reloader) follow(ctx, life context.Context, hints <-chan struct{}) {
	rescan := time.NewTicker(r.cfg.Times.Rescan)
	defer rescan.Stop()
	var before snapshot
	for ctx.Err() == nil {
		r.release()
		now := look(r.cfg.Dir, r.cfg.Owned)
		settled := r.apply(life, before, now)
		before = now
		if !settled {
			pause(ctx, r.cfg.Times.Settle)
			continue
		}
		select {
		case <-ctx.Done():
		case <-hints:
		case <-rescan.C:
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// apply hands what was equal in two looks to the slots, and reports whether everything was.
func (r *Reloader) apply(life context.Context, before, now snapshot) bool {
	if now.err != nil {
		if before.err == nil || before.err.Error() != now.err.Error() {
			r.cfg.Log.Error("roles cannot be read; what runs goes on", "directory", r.cfg.Dir, "error", now.err)
		}
		return true
	}
	settled := before.roles != nil && maps.EqualFunc(before.libs, now.libs, file.same)
	libs := library(now.libs)
	for name, f := range now.roles {
		if was, ok := before.roles[name]; !ok || !was.same(f) || !settled {
			settled = false
			continue
		}
		r.slot(life, name).wants(&content{file: f, libs: libs})
	}
	r.missing(before, now, &settled)
	if settled {
		r.shelf.prune()
	}
	return settled
}

// missing ends the roles whose file stayed away for two looks.
func (r *Reloader) missing(before, now snapshot, settled *bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, s := range r.slots {
		if _, there := now.roles[name]; there {
			continue
		}
		if _, was := before.roles[name]; was {
			*settled = false
			continue
		}
		if !s.gone() {
			s.wants(nil)
		}
	}
}

func (r *Reloader) slot(life context.Context, name string) *slot {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.slots[name]
	if !ok {
		s = newSlot(r, name)
		r.slots[name] = s
		r.running.Go(func() { s.run(life) })
	}
	return s
}

// retire drains every role at once.
func (r *Reloader) retire(ctx context.Context) {
	r.mu.Lock()
	slots := slices.Collect(maps.Values(r.slots))
	r.mu.Unlock()
	var draining sync.WaitGroup
	for _, s := range slots {
		draining.Go(func() { s.retire(ctx) })
	}
	draining.Wait()
}

// Renew brings to life again, new before old as ever, every role for which stale holds: what it was told at its start
// has changed. A nil stale holds for all. It is asked about roles that serve or are refused, and once what is under
// way with a role has come to its end.
func (r *Reloader) Renew(stale func(Status) bool) {
	if stale == nil {
		stale = func(Status) bool { return true }
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.slots {
		s.renew(stale)
	}
}

// renew gives files another chance that were refused for a name which is free now.
func (r *Reloader) renew(files []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, file := range files {
		r.slots[file].renew(func(s Status) bool { return s.State == Refused || s.Refusal != nil })
	}
}

// Status tells of every role, sorted by file.
func (r *Reloader) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Status
	for _, name := range slices.Sorted(maps.Keys(r.slots)) {
		all = append(all, r.slots[name].report())
	}
	return all
}
