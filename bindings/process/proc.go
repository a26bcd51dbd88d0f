package process

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// order is a program to start, with everything decided.
type order struct {
	path    string
	argv    []string
	env     []string
	dir     string
	who     *account // nil for the agent's own user
	run     string   // the marker's value
	timeout time.Duration
	input   []byte // what the program reads; it then meets the end
	talk    bool   // instead of input: what it reads is written later
	pty     *window
	// The streams that it writes; each is closed when the program will write no more.
	stdout, stderr io.WriteCloser
	// discard gives up what was written and not read yet; nil when nothing waits to be read.
	discard func()
	// drain says that its streams take everything at once: their readers must not outlive the program for long.
	drain bool
	// after is run when the program and all that it started are gone, before anybody is told; nil does nothing. It is
	// not run for a program that could not be started.
	after func()
}

// attributes are what the system is told of the program besides its arguments.
func (o order) attributes(e *ends) *os.ProcAttr {
	return &os.ProcAttr{Dir: o.dir, Env: o.env, Files: e.child}
}

// proc is a program that was started, with its pipes and its tree.
type proc struct {
	name    string
	started time.Time
	stdin   *feed     // nil unless the order says talk
	screen  *terminal // nil unless the order says pty
	discard func()
	after   func()
	pipes   []*os.File
	pumps   sync.WaitGroup
	done    chan struct{} // closed when the program is reaped and its tree is gone, or when it could not be started

	mu       sync.Mutex
	os       *os.Process
	tree     *tree
	doomed   chan struct{} // closed when the program is killed
	exited   bool
	killed   bool
	timedOut bool
	ending   ending // valid once done is closed
}

// ending is how a program ended.
type ending struct {
	ExitCode int           `lua:"exit_code"`
	Signal   *string       `lua:"signal"` // nil when it ended by itself
	TimedOut bool          `lua:"timed_out"`
	Duration time.Duration `lua:"duration"`
}

// launch starts a program; its watcher is the module's until all of it is gone.
func (m *module) launch(o order) (*proc, error) {
	p := &proc{
		name: filepath.Base(o.path), started: m.host.Now(), discard: o.discard, after: o.after,
		done: make(chan struct{}), doomed: make(chan struct{}),
	}
	if err := m.admit(p); err != nil {
		return nil, err
	}
	disarm := func() bool { return true }
	if o.timeout > 0 {
		// Before the program starts, so that there is no moment in which it runs unguarded.
		disarm = m.host.AfterFunc(o.timeout, func() { p.kill(true) })
	}
	if err := p.start(m.spawn, o); err != nil {
		disarm()
		m.ended(p)
		m.dismiss(p)
		return nil, startFailure(o, err)
	}
	go m.watch(p, o.drain, disarm)
	return p, nil
}

func (p *proc) start(s *spawner, o order) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	ends, err := openEnds(o)
	if err != nil {
		return err
	}
	p.os, p.tree, err = s.start(o, ends)
	ends.closeChild()
	if err != nil {
		ends.closeOurs()
		return err
	}
	p.attach(o, ends)
	if p.killed {
		p.tree.kill() // the time was up before the program was there
	}
	return nil
}

// attach starts the goroutines that carry what is read and written.
func (p *proc) attach(o order, e *ends) {
	p.pipes, p.screen = e.ours, e.screen
	p.pumps.Go(func() { pump(e.stdout, o.stdout) })
	if e.stderr != nil {
		p.pumps.Go(func() { pump(e.stderr, o.stderr) })
	}
	switch {
	case o.talk:
		p.stdin = newFeed(o.pty != nil)
		p.pumps.Go(func() { p.stdin.run(e.stdin) })
	case e.stdin != nil:
		p.pumps.Go(func() { _, _ = e.stdin.Write(o.input); _ = e.stdin.Close() })
	}
}

// kill ends the tree, unless the program has ended by itself.
func (p *proc) kill(timedOut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exited {
		return
	}
	if !p.killed {
		close(p.doomed)
	}
	p.killed = true
	p.timedOut = p.timedOut || timedOut
	if p.tree != nil {
		p.tree.kill()
	}
}

// end kills the tree, gives up on what it wrote, and returns when all of it is gone.
func (m *module) end(p *proc) error {
	p.kill(false)
	if p.discard != nil {
		p.discard()
	}
	err := m.gone(p)
	p.release()
	return err
}

// gone waits until a killed program is gone. The kernel can keep one that waits for a lost disk or is frozen; nobody
// should wait for that as long as it lasts.
func (m *module) gone(p *proc) error {
	if !waitFor(p.done, m.patience) {
		return bindings.Fail("stuck", "program %q: killed, but the system does not let it go", p.name)
	}
	return nil
}

// release closes the pipes, whoever still holds their other ends.
func (p *proc) release() {
	for _, f := range p.pipes {
		_ = f.Close()
	}
}

// watch sees a program to its end, and after it to the end of all that it left behind.
func (m *module) watch(p *proc, drain bool, disarm func() bool) {
	defer m.dismiss(p)
	p.tree.await()
	disarm()
	p.mu.Lock()
	p.exited = true
	killed := p.killed
	p.mu.Unlock()
	ended := m.host.Now()
	if p.stdin != nil {
		p.stdin.end()
	}
	if p.screen != nil {
		p.screen.ended()
	}
	pumped := make(chan struct{})
	go func() { p.pumps.Wait(); close(pumped) }()
	if !killed {
		// What was written last may still be on its way, through a pipe of the program's own too.
		waitFor(pumped, m.grace)
	}
	if left := p.tree.sweep(); left > 0 {
		m.host.Log().Warn("processes outlived their run", "program", p.name, "count", left)
	}
	p.reap(ended.Sub(p.started))
	if p.screen != nil {
		p.screen.hangUp()
	}
	if drain {
		waitFor(pumped, m.grace)
		p.release()
	}
	if p.after != nil {
		p.after()
	}
	m.ended(p)
	<-pumped
	p.release()
}

// waitFor waits for c, but not longer than d, and reports whether it came.
func waitFor(c <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}

// reap lets the system forget the program, which from now on must not be signalled.
func (p *proc) reap(lasted time.Duration) {
	state, err := p.os.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = ending{ExitCode: -1, TimedOut: p.timedOut, Duration: lasted}
	if err == nil && !p.timedOut {
		p.ending.ExitCode, p.ending.Signal = outcome(state)
	}
	_ = p.tree.close()
}
