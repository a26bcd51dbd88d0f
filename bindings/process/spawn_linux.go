package process

import (
	"os"
	"runtime"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// spawner starts programs from one thread that lives as long as the role: the kernel's "kill me when my parent dies"
// means the thread that started the program, and Go's own threads come and go.
type spawner struct {
	mu      sync.Mutex
	closed  bool
	birth   chan func()
	running sync.WaitGroup
}

// start starts a program as the root of a tree.
func (s *spawner) start(path string, argv []string, attr *os.ProcAttr, run string) (p *os.Process, t *tree, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, bindings.Fail("cancelled", "the role has ended")
	}
	if s.birth == nil {
		s.birth = make(chan func())
		s.running.Go(func() { onThread(s.birth) })
	}
	attr.Sys = attributes()
	born := make(chan struct{})
	s.birth <- func() {
		defer close(born)
		p, err = os.StartProcess(path, argv, attr)
	}
	<-born
	if err != nil {
		return nil, nil, err
	}
	return p, &tree{pid: p.Pid, run: run}, nil
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
