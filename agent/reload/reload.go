// Package reload keeps what runs equal to what lies in the watched directory: changed, inspected, loaded, switched,
// drained. It promises new before old: a file that cannot serve leaves the version before it serving and says why,
// with file and line. It reads files and decides; running them is the role package's, and no Lua is known here.
package reload

import (
	"context"
	"fmt"
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
	// Restart is the first pause before a role whose worker died is started again; it doubles up to 64 times this.
	Restart time.Duration
}

// DefaultTimes are those of the architecture.
func DefaultTimes() Times {
	return Times{
		Settle: 50 * time.Millisecond, Rescan: 2 * time.Second, Start: 10 * time.Second, Drain: 25 * time.Hour,
		Restart: 500 * time.Millisecond,
	}
}

// Reloader watches one directory.
type Reloader struct {
	cfg Config

	mu    sync.Mutex
	slots map[string]*slot  // by file name
	names map[string]string // ROLE_NAME -> the file that has it

	ward    *ward
	running sync.WaitGroup // the slots, and what hints at changes
}

// New makes a reloader; of the directory nothing is read before Run.
func New(cfg Config) *Reloader {
	failed := func(err error) { cfg.Log.Error("quarantine not kept", "error", err) }
	return &Reloader{
		cfg: cfg, slots: map[string]*slot{}, names: map[string]string{}, ward: newWard(cfg.Quarantine, failed),
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
	settled := maps.EqualFunc(before.libs, now.libs, file.same)
	libs := library(now.libs)
	for name, f := range now.roles {
		if was, ok := before.roles[name]; !ok || !was.same(f) || !settled {
			settled = false
			continue
		}
		r.slot(life, name).wants(&content{file: f, libs: libs})
	}
	r.missing(before, now, &settled)
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
		s.wants(nil)
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

// claim gives a ROLE_NAME to a file, unless another file has it.
func (r *Reloader) claim(name, file string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if owner, taken := r.names[name]; taken && owner != file {
		return fmt.Errorf("%s: ROLE_NAME %q is taken by %s", file, name, owner)
	}
	r.names[name] = file
	return nil
}

func (r *Reloader) disclaim(name, file string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names[name] == file {
		delete(r.names, name)
	}
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
