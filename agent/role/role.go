// Package role is one running role as the core sees it: its manifest, the worker process that its Lua lives in, the
// mailbox in front of it, and the bindings that the core carries out for it. It promises that Deliver never blocks,
// that events reach the worker in order, that what the role started ends with it, and that a dead or mute worker
// harms no other role. There is no Lua here, and no file is read here: reload brings the bytes.
package role

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// ErrOtherContext is a role that is not for this service mode. Nothing of it has run.
var ErrOtherContext = errors.New("the role is for another context")

// Manifest is what a role says of itself, in literals.
type Manifest struct {
	Name     string
	Contexts []string
	Grants   []string
	// Withheld are those of Grants that are not allowed on this machine.
	Withheld []string
	File     string
	Sum      [sha256.Size]byte
	// Requires are the helpers of lib/ that the role uses, directly or not.
	Requires []string
	// Missing is what of its lockdown the role's worker could not get on this machine.
	Missing []string
}

// Version is the beginning of the file's SHA-256, for people.
func (m Manifest) Version() string { return fmt.Sprintf("%x", m.Sum[:6]) }

// Lockdown says in a word whether the role's worker is locked down as it should be: "full" or "partial".
func (m Manifest) Lockdown() string {
	if len(m.Missing) > 0 {
		return "partial"
	}
	return "full"
}

// ErrNoWorker says that the machine gave no process for a role; another time it may.
var ErrNoWorker = errors.New("no worker can be started")

// RefusedError is a file that cannot serve, with every reason: "file:line: text".
type RefusedError struct{ Problems []string }

func (e *RefusedError) Error() string { return strings.Join(e.Problems, "\n") }

// Source is a role's file as reload read and checked it.
type Source struct {
	File string
	Text []byte
	// Lib reads a helper by the name that the role requires it by.
	Lib func(name string) (contract.Source, error)
	// State is what the version before saved.
	State any
	// Admit is asked once the file is known to be sound and meant for this context, before any of it runs; its error
	// refuses the version. Nil admits all.
	Admit func(Manifest) error
}

// Agent is what roles reach of the rest of the agent.
type Agent interface {
	// Emit keeps a result until the Engine has it.
	Emit(r wire.Result) error
	// Request posts to the Engine as the device.
	Request(ctx context.Context, path string, in, out any) error
}

// Config is the same for all roles of an agent.
type Config struct {
	// Workers starts the workers.
	Workers *Nursery
	Place   func() bindings.Place
	// Settings is what the operator set for a role now; nil is nothing for any.
	Settings func(role string) map[string]any
	// Bindings are all that is carried out outside of the worker.
	Bindings []bindings.Binding
	// Open opens them for one role where they are carried out; nil is here, in the core.
	Open func(host bindings.Host, list []bindings.Binding, grants bindings.Grants) (Bindings, error)
	// Allowed splits what a role declares into what it gets here and what is withheld from it; nil withholds nothing.
	Allowed func(name string, declared []string) (granted, withheld []string)
	Agent   Agent
	Log     func(role string) *slog.Logger
	// Print gets what roles print; nil leaves it to their logs.
	Print func(line string)
	// Lost is told of every event that a role took and did not come to an end with.
	Lost   func(ev wire.Event, role string, err error)
	Limits Limits
	// Done is told of every event whose handlers have all ended well; nil is not told.
	Done func(ev wire.Event, role string)
}

// Role is one version of a role, serving from its start until it is drained or its worker dies.
type Role struct {
	manifest Manifest
	events   []string
	cfg      Config
	log      *slog.Logger // what the core says of the role
	said     *slog.Logger // what the role says; limited apart, so that it drowns nothing of the other
	started  time.Time

	worker *worker
	peer   *ipc.Peer
	set    Bindings
	ready  atomic.Bool // set is there, so the worker's calls can be carried out

	ctx     context.Context // of everything that is done for the role
	end     context.CancelCauseFunc
	running sync.WaitGroup
	dead    chan struct{} // closed when the worker is gone and all is cleaned up

	mailbox mailbox
	counts  counts
	calls   *rate
	output  *rate
	ticks   *rate
}

// Start brings a version of a role to life: a new worker, which first only reads the file; then, if the file is
// sound and meant for this context, runs it. ctx bounds the start alone.
func Start(ctx context.Context, cfg Config, src Source) (*Role, error) {
	r, err := newRole(cfg, src)
	if err != nil {
		return nil, err
	}
	err = r.start(ctx, src)
	r.running.Done()
	if errors.Is(err, ipc.ErrClosed) { // the worker is gone; what it died of says more than that
		r.worker.hangup()
		<-r.dead
		return nil, r.Err()
	}
	if err != nil {
		r.Kill(err)
		return nil, err
	}
	return r, nil
}

func newRole(cfg Config, src Source) (*Role, error) {
	codec, err := contract.Codec()
	if err != nil {
		return nil, err
	}
	w, err := cfg.Workers.spawn()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoWorker, err)
	}
	ctx, end := context.WithCancelCause(context.Background())
	r := &Role{
		cfg: cfg, log: limitReports(cfg.Log(src.File), cfg.Limits), started: time.Now(), worker: w, ctx: ctx, end: end, dead: make(chan struct{}),
		manifest: Manifest{File: src.File, Sum: sha256.Sum256(src.Text)},
	}
	r.said = r.log
	r.mailbox.init(cfg.Limits)
	r.counts.useless = make(chan struct{})
	r.calls = newRate(cfg.Limits.Calls, 2*cfg.Limits.Calls)
	r.output = newRate(cfg.Limits.Output/60, cfg.Limits.Output)
	r.ticks = newRate(cfg.Limits.Ticks, cfg.Limits.Ticks)
	r.peer = ipc.New(w.stdout, w.stdin, ipc.Config{Codec: codec, Handle: r.handle, Hangup: w.hangup})
	r.running.Add(1) // the start itself: what it opens must be there before live closes it
	r.running.Go(r.pump)
	r.running.Go(r.watch)
	go r.live()
	return r, nil
}

// live is the life of the conversation: when it is over, the worker is ended and everything of the role with it.
func (r *Role) live() {
	defer close(r.dead)
	err := r.peer.Run(r.ctx)
	r.end(r.worker.end(err))
	r.mailbox.close()
	r.running.Wait()
	if r.set != nil {
		if err := r.set.Close(); err != nil {
			r.log.Warn("closing what the role had open", "error", err)
		}
	}
}

func (r *Role) start(ctx context.Context, src Source) error {
	var m contract.Manifest
	text := contract.Source{File: src.File, Text: src.Text}
	if err := r.peer.Call(ctx, contract.Inspect, text, &m); err != nil {
		return err
	}
	if len(m.Problems) > 0 {
		return &RefusedError{m.Problems}
	}
	if !namesFolder(m.Name) {
		return &RefusedError{[]string{fmt.Sprintf("%s: ROLE_NAME %q cannot name the role's folder on this machine", src.File, m.Name)}}
	}
	r.adopt(m)
	place := r.place()
	if !slices.Contains(m.Contexts, place.Context) {
		return ErrOtherContext
	}
	libs, err := r.libs(ctx, src.Lib, m.Requires)
	if err != nil {
		return err
	}
	if src.Admit != nil {
		if err := src.Admit(r.manifest); err != nil {
			return err
		}
	}
	return r.load(ctx, contract.Setup{Source: text, Libs: libs, Place: place, Grants: m.Grants, State: src.State})
}

func (r *Role) adopt(m contract.Manifest) {
	r.manifest.Name, r.manifest.Contexts, r.manifest.Grants = m.Name, m.Contexts, m.Grants
	r.manifest.Missing = m.Missing
	r.log = limitReports(r.cfg.Log(m.Name), r.cfg.Limits)
	r.said = limitWords(r.cfg.Log(m.Name), r.cfg.Limits)
}

// place is where the role runs: of the agent's data directory, it has the part that bears its name. Whoever keeps
// something there makes the folder.
func (r *Role) place() bindings.Place {
	p := r.cfg.Place()
	if p.DataDir != "" {
		p.DataDir = filepath.Join(p.DataDir, r.manifest.Name)
	}
	if r.cfg.Settings != nil {
		p.Settings = r.cfg.Settings(r.manifest.Name)
	}
	return p
}

// namesFolder reports whether a name is that of one folder, within the one where it is to be. The worker says the name,
// and a worker is not trusted; on Windows some names are devices.
func namesFolder(name string) bool {
	return filepath.IsLocal(name) && filepath.Base(name) == name && name != "."
}

// libs reads the helpers that the role requires, and those that the helpers require.
func (r *Role) libs(ctx context.Context, read func(string) (contract.Source, error), names []string) ([]contract.Source, error) {
	var libs []contract.Source
	for queue := names; len(queue) > 0; queue = queue[1:] {
		name := queue[0]
		if slices.Contains(r.manifest.Requires, name) {
			continue
		}
		lib, err := read(name)
		if err != nil {
			return nil, &RefusedError{[]string{fmt.Sprintf("%s: requires %q: %v", r.manifest.File, name, err)}}
		}
		var more []string
		var said *ipc.Failure
		if err := r.peer.Call(ctx, contract.Requires, lib, &more); errors.As(err, &said) {
			return nil, &RefusedError{[]string{err.Error()}}
		} else if err != nil {
			return nil, err
		}
		r.manifest.Requires = append(r.manifest.Requires, name)
		libs, queue = append(libs, lib), append(queue, more...)
	}
	return libs, nil
}

func (r *Role) load(ctx context.Context, setup contract.Setup) error {
	if problem := badGrant(r.cfg.Bindings, setup.Grants); problem != "" {
		return &RefusedError{[]string{r.manifest.File + ": " + problem}}
	}
	grants := r.granted(setup.Grants)
	set, err := r.open(grants)
	if err != nil {
		return err
	}
	r.set = set
	r.ready.Store(true)
	setup.Grants, setup.Modules = grants, r.describe(grants)
	var loaded contract.Loaded
	if err := r.peer.Call(ctx, contract.Load, setup, &loaded); err != nil {
		return err
	}
	if len(loaded.Problems) > 0 {
		return &RefusedError{loaded.Problems}
	}
	r.events = loaded.Events
	r.mailbox.bound(loaded.AtOnce)
	return nil
}

// badGrant finds a grant that no binding asks for, or that covers nothing: a typing mistake would otherwise show as a
// denial much later.
func badGrant(list []bindings.Binding, grants []string) string {
	for _, g := range grants {
		name, _, _ := strings.Cut(g, ":")
		if !slices.ContainsFunc(list, func(b bindings.Binding) bool {
			return b.Grant != "" && (b.Grant == name || strings.HasPrefix(name, b.Grant+"."))
		}) {
			return fmt.Sprintf("ROLE_GRANTS names %q, which no module asks for", g)
		}
		if trouble := bindings.GrantTrouble(g); trouble != "" {
			return "ROLE_GRANTS: " + trouble
		}
	}
	return ""
}

// Manifest says what the role is.
func (r *Role) Manifest() Manifest { return r.manifest }

// Name is the role's name.
func (r *Role) Name() string { return r.manifest.Name }

// Events are the names of the events that the role asked for.
func (r *Role) Events() []string { return r.events }

// Done is closed when the role's worker is gone and everything that it had is closed.
func (r *Role) Done() <-chan struct{} { return r.dead }

// Err says why the role ended, once Done is closed.
func (r *Role) Err() error { return context.Cause(r.ctx) }

// PID is the worker's process id.
func (r *Role) PID() int { return r.worker.pid }
