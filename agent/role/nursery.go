package role

import (
	"runtime"
	"slices"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
)

// Nursery starts the workers of an agent. Linux binds a worker's death with its parent to the thread that started it,
// and Go ends threads: any on which a goroutine was locked that ends. So one thread does nothing but start workers,
// for as long as the nursery lives.
type Nursery struct {
	path   string
	args   []string
	births chan func()
	closed chan struct{}
}

// NewNursery makes a nursery for the worker program at path.
func NewNursery(path string) *Nursery { return newNursery(path) }

// NewStrictNursery makes one whose workers end at once where they cannot be locked down completely: no role then starts,
// and each says why.
func NewStrictNursery(path string) *Nursery {
	return newNursery(path, contract.RequireLockdown)
}

func newNursery(path string, args ...string) *Nursery {
	n := &Nursery{path: path, args: args, births: make(chan func()), closed: make(chan struct{})}
	go n.live()
	return n
}

func (n *Nursery) live() {
	defer close(n.closed)
	runtime.LockOSThread() // and never unlocked: the thread ends with the nursery
	for birth := range n.births {
		birth()
	}
}

// spawn starts a worker, with arguments besides those of all.
func (n *Nursery) spawn(more ...string) (w *worker, err error) {
	born := make(chan struct{})
	n.births <- func() {
		defer close(born)
		w, err = spawn(n.path, slices.Concat(n.args, more))
	}
	<-born
	return w, err
}

// Close ends the nursery, and on Linux with it every worker that it has started. No role may start afterwards.
func (n *Nursery) Close() {
	close(n.births)
	<-n.closed
}
