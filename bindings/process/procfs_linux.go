package process

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// identity names a process for as long as the machine runs.
type identity struct {
	pid   int
	start uint64 // in ticks since the machine started
}

// process is what /proc/PID/stat says of one process.
type process struct {
	identity
	parent, group, session int
	state                  byte
	flags                  uint64
}

const (
	ticksPerSecond = 100        // USER_HZ, the same on every architecture that Go runs on
	kernelThread   = 0x00200000 // PF_KTHREAD
)

func (p process) dead() bool { return p.state == 'Z' || p.state == 'X' }

func (p process) kernel() bool { return p.flags&kernelThread != 0 }

// slurp reads a small file of the kernel's: a sweep reads hundreds of them, and os.ReadFile asks twice as much of the
// system for each.
func slurp(path string) (raw []byte, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	raw = make([]byte, 0, 1024)
	for {
		n, err := unix.Read(fd, raw[len(raw):cap(raw)])
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			return raw, err
		}
		if raw = raw[:len(raw)+n]; len(raw) == cap(raw) {
			raw = slices.Grow(raw, len(raw))
		}
	}
}

// readProcess reads one process; ok is false when there is none.
func readProcess(pid int) (p process, ok bool) {
	raw, err := slurp("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	return parseStat(pid, raw)
}

// parseStat reads the fields behind the program's name, which may itself hold blanks and brackets.
func parseStat(pid int, raw []byte) (p process, ok bool) {
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if len(fields) < 20 || len(fields[0]) != 1 {
		return process{}, false
	}
	var err [5]error
	p = process{identity: identity{pid: pid}, state: fields[0][0]}
	p.parent, err[0] = strconv.Atoi(string(fields[1]))
	p.group, err[1] = strconv.Atoi(string(fields[2]))
	p.session, err[2] = strconv.Atoi(string(fields[3]))
	p.flags, err[3] = strconv.ParseUint(string(fields[6]), 10, 64)
	p.start, err[4] = strconv.ParseUint(string(fields[19]), 10, 64)
	return p, err == [5]error{}
}

// startOf is when a process started; 0 when there is none.
func startOf(pid int) uint64 {
	p, _ := readProcess(pid)
	return p.start
}

// runOf is the marker in a process's environment; empty says that it shows no environment at all.
func runOf(pid int) (run string, empty bool) {
	raw, err := slurp("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil || len(raw) == 0 {
		return "", err == nil
	}
	for v := range bytes.SplitSeq(raw, []byte{0}) {
		if run, ok := bytes.CutPrefix(v, []byte(marker+"=")); ok {
			return string(run), false
		}
	}
	return "", false
}

func allPids() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

const (
	// For a run shorter than this the kernel, which gives out numbers in ascending order, cannot have given out all
	// of them; beyond so many numbers reading the directory is cheaper than trying each.
	shortRun = ticksPerSecond
	fewPids  = 1024
)

// young are the numbers that may have been given out since the program started: after a short run the few behind its
// own, which spares an empty job the walk through every process of the machine; else all.
func (t *tree) young() []int {
	last, now := lastPid(), bootTicks()
	if last < t.pid || last-t.pid > fewPids || now-startOf(t.pid) >= shortRun {
		return allPids()
	}
	pids := make([]int, 0, last-t.pid)
	for pid := t.pid + 1; pid <= last; pid++ {
		pids = append(pids, pid)
	}
	return pids
}

// lastPid is the number that was given out last; 0 when the kernel does not say.
func lastPid() int {
	raw, err := slurp("/proc/loadavg")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw))
	if len(fields) == 0 {
		return 0
	}
	pid, _ := strconv.Atoi(fields[len(fields)-1])
	return pid
}

func bootTicks() uint64 {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 1 << 62
	}
	return uint64(now.Nano()) / (1e9 / ticksPerSecond)
}

// owner names this agent in the markers of its runs: the namespace of its process number, the number and its start.
func owner() string {
	pid := os.Getpid()
	return fmt.Sprintf("%s.%d.%d", pidNamespace(), pid, startOf(pid))
}

func pidNamespace() string {
	link, _ := os.Readlink("/proc/self/ns/pid")
	return strings.Trim(strings.TrimPrefix(link, "pid:"), "[]")
}

// endOrphans kills what the runs of dead agents left behind. Only numbers of this namespace can be judged.
func endOrphans() {
	here := pidNamespace()
	persist(func(bool) ([]process, bool) { return orphans(here), false })
}

// orphans are the processes with a dead agent's marker, and all of their sessions: whoever is in a session descends
// from its leader.
func orphans(here string) (found []process) {
	sessions := map[int]bool{}
	var others []process
	for _, pid := range allPids() {
		p, ok := readProcess(pid)
		if !ok || p.dead() || p.kernel() {
			continue
		}
		// The environment is read after the process: what endAll finds again is then what showed the marker.
		if run, _ := runOf(pid); p.session != 0 && orphaned(run, here) {
			sessions[p.session] = true
			found = append(found, p)
			continue
		}
		others = append(others, p)
	}
	for _, p := range others {
		if sessions[p.session] {
			found = append(found, p)
		}
	}
	return found
}

// orphaned reports whether a marker names an agent of this namespace that has died.
func orphaned(run, here string) bool {
	parts := strings.Split(run, ".")
	if len(parts) != 4 || parts[0] != here || here == "" {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil {
		return false
	}
	p, ok := readProcess(pid)
	return !ok || p.dead() || strconv.FormatUint(p.start, 10) != parts[2]
}
