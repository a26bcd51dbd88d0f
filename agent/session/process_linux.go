package session

import (
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	procFS = "/proc"
	// procMost bounds what is read of one file there; a process chooses how long its environment is.
	procMost = 1 << 20
)

// owner is whose a process is, as /proc/PID/status tells it.
type owner struct {
	uid, gid uint32
	groups   []uint32
}

// process is a living process. Its folder is held open, so that all that is read is of one process, however often its
// number is given away meanwhile.
type process struct {
	pid int
	dir *os.Root
	owner
}

// processes gives the processes that are a user's in every respect: real, effective, saved and file system uid. They
// come in the order of their numbers; one that ends meanwhile is left out.
func processes(proc string, uid uint32) iter.Seq[process] {
	return func(yield func(process) bool) {
		for _, pid := range pids(proc) {
			dir, err := os.OpenRoot(filepath.Join(proc, strconv.Itoa(pid)))
			if err != nil {
				continue
			}
			p := process{pid: pid, dir: dir}
			status, err := p.read("status")
			var own bool
			if err == nil {
				p.owner, own = parseStatus(status)
			}
			more := !own || p.uid != uid || yield(p)
			_ = dir.Close() // only read from
			if !more {
				return
			}
		}
	}
}

func pids(proc string) []int {
	entries, _ := os.ReadDir(proc) // without a /proc there are no processes to be found
	var all []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid > 0 {
			all = append(all, pid)
		}
	}
	slices.Sort(all)
	return all
}

func (p process) read(name string) (string, error) {
	f, err := p.dir.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, procMost))
	return string(text), err
}

// within says whether the process is in the control group that logind gives the session.
func (p process) within(s Session) bool {
	groups, err := p.read("cgroup")
	scope := fmt.Sprintf("/user.slice/user-%d.slice/session-%s.scope", s.UID, s.ID)
	return err == nil && slices.ContainsFunc(strings.Split(groups, "\n"), func(line string) bool {
		_, below, found := strings.Cut(line, scope)
		return found && (below == "" || below[0] == '/')
	})
}

// parseStatus reads whose a process is, and reports false for one with more than one identity.
func parseStatus(text string) (owner, bool) {
	var o owner
	var seen int
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), ":")
		numbers, ok := ids(rest)
		switch {
		case name == "Uid" && ok && single(numbers):
			o.uid, seen = numbers[0], seen|1
		case name == "Gid" && ok && single(numbers):
			o.gid, seen = numbers[0], seen|2
		case name == "Groups" && ok:
			o.groups, seen = numbers, seen|4
		}
	}
	return o, seen == 7
}

// single says whether the four ids of a process are one.
func single(numbers []uint32) bool {
	return len(numbers) == 4 && !slices.ContainsFunc(numbers, func(n uint32) bool { return n != numbers[0] })
}

func ids(text string) ([]uint32, bool) {
	var all []uint32
	for _, field := range strings.Fields(text) {
		n, err := strconv.ParseUint(field, 10, 32)
		if err != nil {
			return nil, false
		}
		all = append(all, uint32(n))
	}
	return all, true
}
