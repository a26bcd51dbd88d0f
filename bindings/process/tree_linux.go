package process

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tree is a program and all that came of it. The program leads a session of its own, without a terminal to stop at,
// unless it was given one; where the agent has a part of the cgroup tree to itself, the run is a cgroup of its own too;
// what left the session is found by its parent or by the marker in its environment. The program stays unreaped until
// the last sweep, so that its number, which names the session too, cannot be given to another process meanwhile.
type tree struct {
	pid   int
	run   string
	group *group // nil where there is none
}

const (
	// persistence bounds a sweep that still finds what it has not killed before: what forks faster than 30 seconds of
	// killing must be left to the operator.
	persistence = 30 * ticksPerSecond
	// patience is how long, in milliseconds, it waits for what it has killed before it looks again, and idleLooks how
	// often it looks again when there is nothing new to kill: 4 seconds for what the kernel cannot end.
	patience  = 200
	idleLooks = 20
	// maxHeld is how many of the killed are waited for by descriptor; the next look sees about the others.
	maxHeld = 256
)

// attributes lead a program into a session of its own, and let it die with the thread that started it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGKILL}
}

// await returns when the program has ended, and leaves it unreaped.
func (t *tree) await() {
	for errors.Is(unix.Waitid(unix.P_PID, t.pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
}

// kill ends the program and all that can be seen of its tree. What is just being born is left to the sweep.
func (t *tree) kill() {
	t.group.kill()
	// Look first: what dies no longer tells who its children were.
	found, _ := t.members(allPids())
	t.killSession()
	endAll(found)
}

func (t *tree) killSession() { _ = unix.Kill(-t.pid, unix.SIGKILL) }

// sweep ends what the program left behind and reports how many processes withstood. It is called when the program has
// ended and before it is reaped.
func (t *tree) sweep() int {
	t.group.kill()
	t.killSession()
	return persist(func(first bool) ([]process, bool) {
		if first {
			return t.members(t.young())
		}
		return t.members(allPids())
	})
}

// persist kills what look finds until it finds nothing more, and reports how many processes withstood.
func persist(look func(first bool) (found []process, unsure bool)) int {
	idle, until, known := 0, bootTicks()+persistence, map[identity]bool{}
	for first := true; ; first = false {
		found, unsure := look(first)
		if len(found) == 0 && !unsure {
			return 0
		}
		before := len(known)
		for _, p := range found {
			known[p.identity] = true
		}
		if len(known) == before {
			idle++
		}
		if idle > idleLooks || bootTicks() > until {
			return len(found)
		}
		if endAll(found) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// members are the living processes of the tree among pids. It is unsure of a young process that has no environment:
// one that is just becoming another program shows none for a moment.
func (t *tree) members(pids []int) (found []process, unsure bool) {
	var others []process
	for _, pid := range pids {
		p, ok := readProcess(pid)
		if !ok || p.dead() || p.kernel() || pid == os.Getpid() {
			continue
		}
		if p.pid == t.pid || p.session == t.pid || p.group == t.pid {
			found = append(found, p)
			continue
		}
		if run, empty := runOf(pid); run == t.run {
			found = append(found, p)
			continue
		} else if empty && p.start >= startOf(t.pid) {
			unsure = true
		}
		others = append(others, p)
	}
	return t.withChildren(found, others), unsure
}

// withChildren adds the children of what was found, and theirs.
func (t *tree) withChildren(found, others []process) []process {
	family := map[int]bool{t.pid: true}
	for _, p := range found {
		family[p.pid] = true
	}
	for grown := true; grown; {
		grown = false
		for _, p := range others {
			if family[p.parent] && !family[p.pid] {
				family[p.pid], grown = true, true
				found = append(found, p)
			}
		}
	}
	return found
}

// close lets go of the run's cgroup.
func (t *tree) close() error { return t.group.remove() }

// endAll kills processes and waits a while for them to be gone. Each is held by a descriptor before it is looked at
// again and signalled through it, so that its number may be given to another process at any time. A kernel before 5.3
// has no such descriptors; there only sessions are killed. It reports how many it could signal.
func endAll(found []process) (killed int) {
	var held []unix.PollFd
	for _, p := range found {
		fd, err := unix.PidfdOpen(p.pid, 0)
		if err != nil {
			continue
		}
		ended := startOf(p.pid) == p.start && unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil
		if ended {
			killed++
		}
		if ended && len(held) < maxHeld {
			held = append(held, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
			continue
		}
		_ = unix.Close(fd)
	}
	awaitAll(held)
	for _, h := range held {
		_ = unix.Close(int(h.Fd))
	}
	return killed
}

// awaitAll returns when every process has ended, or when none did for a while.
func awaitAll(held []unix.PollFd) {
	waiting := append([]unix.PollFd(nil), held...)
	for len(waiting) > 0 {
		n, err := unix.Poll(waiting, patience)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		left := waiting[:0]
		for _, w := range waiting {
			if w.Revents == 0 {
				left = append(left, w)
			}
		}
		waiting = left
	}
}
