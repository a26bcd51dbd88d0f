package process

import (
	"errors"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// spawner starts programs from one thread that lives as long as the role: the kernel's "kill me when my parent dies"
// means the thread that started the program, and Go's own threads come and go.
type spawner struct {
	groups *groups // where each run gets a cgroup of its own; nil where none is to be had

	mu      sync.Mutex
	closed  bool
	birth   chan func()
	running sync.WaitGroup
}

func newSpawner() *spawner { return &spawner{groups: delegated("/proc/self", unix.Getxattr)} }

// start starts a program as the root of a tree.
func (s *spawner) start(o order, e *ends) (p *os.Process, t *tree, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, bindings.Fail("cancelled", "the role has ended")
	}
	if s.birth == nil {
		s.birth = make(chan func())
		s.running.Go(func() { onThread(s.birth) })
	}
	attr := o.attributes(e)
	attr.Sys = o.who.become(controlling(attributes(), e))
	group := s.groups.make(o.run)
	attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = group != nil, group.fd()
	born := make(chan struct{})
	s.birth <- func() {
		defer close(born)
		p, err = os.StartProcess(o.path, o.argv, attr)
	}
	<-born
	if err != nil {
		return nil, nil, errors.Join(err, group.remove())
	}
	return p, &tree{pid: p.Pid, run: o.run, group: group}, nil
}

// onThread runs functions on a thread of its own, which ends with it.
func onThread(work <-chan func()) {
	runtime.LockOSThread()
	for f := range work {
		f()
	}
}

// Close ends the thread, and with it every program that it started and that still lives.
func (s *spawner) Close() error {
	s.mu.Lock()
	s.closed = true
	if s.birth != nil {
		close(s.birth)
		s.birth = nil
	}
	s.mu.Unlock()
	s.running.Wait()
	return nil
}
