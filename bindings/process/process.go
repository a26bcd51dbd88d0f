// Package process runs programs and scripts for roles. It promises that whatever came of a run is gone when the run,
// or its role, has ended; that what a program wrote arrives as UTF-8, capped and never silently shortened; and that no
// shell reads a command, no secret of the agent reaches a program, and nothing of a script or an environment reaches a
// log. It is not for becoming more than the agent is: only root runs things as another user.
package process

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

//go:embed process.lua
var face string

// Binding is the module "process".
var Binding = bindings.Binding{
	Name:    "process",
	Face:    face,
	Grant:   grant,
	Handles: []bindings.HandleType{childType(), scriptType()},
	Open:    open,
}

// grace is how long after its program's end a run waits for output that is still on its way.
const grace = time.Second

// killPatience is how long a killed program may take to be gone, before it is given up.
const killPatience = 10 * time.Second

// module is the binding as one role sees it.
type module struct {
	host    bindings.Host
	environ []string      // the agent's own environment
	owner   string        // names the agent in its runs' markers
	random  func() string // a name that nobody can guess
	grace   time.Duration
	// patience is how long a killed program may take to be gone.
	patience time.Duration
	spawn    *spawner
	scripts  *folder
	outside  *folder // for the scripts of users who cannot reach the agent's own data

	mu      sync.Mutex
	closed  bool
	live    map[*proc]bool // all that the role has to see to; what has ended is there until it was read or given up
	running int            // how many of them have not ended
	watched sync.WaitGroup
}

func open(host bindings.Host) (*bindings.Instance, error) {
	m := newModule(host)
	for _, f := range []*folder{m.scripts, m.outside} {
		if err := removeLeftovers(f.parent); err != nil {
			host.Log().Warn("leftover scripts", "error", err)
		}
	}
	endOrphans()
	return m.instance(), nil
}

func newModule(host bindings.Host) *module {
	return &module{
		host: host, environ: os.Environ(), owner: owner(), random: rand.Text, grace: grace, patience: killPatience,
		spawn: newSpawner(), scripts: &folder{parent: parentFolder(host.Place().DataDir)},
		outside: &folder{parent: os.TempDir(), passage: true}, live: map[*proc]bool{},
	}
}

func (m *module) instance() *bindings.Instance {
	return &bindings.Instance{
		Funcs: map[string]bindings.Func{
			"run":          {Waits: true, Do: m.run},
			"run_script":   {Waits: true, Do: m.runScript},
			"start":        {Waits: true, Do: m.start},
			"start_script": {Waits: true, Do: m.startScript},
		},
		Close: m.close,
	}
}

// maxPrograms is how many programs one role may have running at a time. What those start in their turn does not count.
const maxPrograms = 64

// admit takes a program into the role's care, unless the role has ended.
func (m *module) admit(p *proc) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return bindings.Fail("cancelled", "the role has ended")
	}
	if m.running >= maxPrograms {
		return bindings.Fail("limit", "%d programs of the role run already", maxPrograms)
	}
	m.live[p] = true
	m.running++
	m.watched.Add(1)
	return nil
}

// ended tells whoever waits that a program is gone, or that it could not be started.
func (m *module) ended(p *proc) {
	m.mu.Lock()
	m.running--
	m.mu.Unlock()
	close(p.done)
}

func (m *module) dismiss(p *proc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.live, p)
	m.watched.Done()
}

// close ends every program and waits until they are gone.
func (m *module) close() error {
	m.mu.Lock()
	m.closed = true
	live := slices.Collect(maps.Keys(m.live))
	m.mu.Unlock()
	ends := make([]error, len(live))
	var ending sync.WaitGroup
	for i, p := range live {
		ending.Go(func() { ends[i] = m.end(p) })
	}
	ending.Wait()
	err := errors.Join(ends...)
	if err == nil {
		m.watched.Wait()
	}
	return errors.Join(err, m.spawn.Close(), m.scripts.Close(), m.outside.Close())
}
