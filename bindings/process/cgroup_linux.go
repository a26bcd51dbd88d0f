package process

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// groups is the part of the cgroup tree that the machine's manager has left to the agent (systemd's Delegate=yes).
// Each run is a group below it. A nil *groups has none to give.
type groups struct{ dir string }

// group is the cgroup of one run: whatever came of the run is in it, and one write ends all of it. Root can leave it,
// so a sweep follows all the same. A nil *group is none.
type group struct{ dir *os.File }

// maxProcesses is how many processes and threads a run may have at a time, where the kernel can count them for us: in
// a group of its own. A user's limit (RLIMIT_NPROC) would not do instead: it counts what others run too, and not root's.
const maxProcesses = 4096

// delegated finds the agent's part of the version 2 tree: its own group, or the one above if the agent keeps itself in
// a leaf of that. Only what is marked as delegated counts: all else belongs to whoever manages the machine.
func delegated(self string, getxattr func(path, name string, dest []byte) (int, error)) *groups {
	own := ownGroup(self)
	if own == "" {
		return nil
	}
	for _, dir := range []string{own, filepath.Dir(own)} {
		for _, name := range []string{"trusted.delegate", "user.delegate"} {
			var value [2]byte
			if n, err := getxattr(dir, name, value[:]); err == nil && string(value[:n]) == "1" {
				return openGroups(dir)
			}
		}
	}
	return nil
}

// ownGroup is the directory of this process's group of the version 2 tree; "" when there is none.
func ownGroup(self string) string {
	path := field(filepath.Join(self, "cgroup"), func(line string) (string, bool) { return strings.CutPrefix(line, "0::") })
	mount := field(filepath.Join(self, "mountinfo"), func(line string) (string, bool) {
		left, right, _ := strings.Cut(line, " - ")
		fields := strings.Fields(left)
		if !strings.HasPrefix(right, "cgroup2 ") || len(fields) < 5 || fields[3] != "/" {
			return "", false
		}
		return fields[4], true
	})
	if path == "" || mount == "" {
		return ""
	}
	return filepath.Join(mount, path)
}

// field is what the first line of a file that pick accepts says.
func field(path string, pick func(line string) (string, bool)) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if found, ok := pick(lines.Text()); ok {
			return found
		}
	}
	return ""
}

// groupPrefix is how the names of runs' groups begin; the run's marker follows.
const groupPrefix = "borealis-run-"

// openGroups clears away what dead agents left, and has the kernel count processes if it can here: not while the agent
// itself stands in the very group that is divided.
func openGroups(dir string) *groups {
	here := pidNamespace()
	left, _ := filepath.Glob(filepath.Join(dir, groupPrefix+"*"))
	for _, path := range left {
		if !orphaned(strings.TrimPrefix(filepath.Base(path), groupPrefix), here) {
			continue
		}
		if g, err := openGroup(path); err == nil {
			g.kill()
			_ = g.remove()
		}
	}
	_ = set(dir, "cgroup.subtree_control", "+pids")
	return &groups{dir}
}

// set writes to a file of the kernel's, which it does not make.
func set(dir, name, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// make makes the group of a run; nil when the system gives none.
func (g *groups) make(run string) *group {
	if g == nil {
		return nil
	}
	path := filepath.Join(g.dir, groupPrefix+run)
	if os.Mkdir(path, 0o700) != nil {
		return nil
	}
	_ = set(path, "pids.max", strconv.Itoa(maxProcesses))
	made, err := openGroup(path)
	if err != nil || !made.canKill() {
		_ = os.Remove(path)
		return nil
	}
	return made
}

func openGroup(path string) (*group, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &group{dir}, nil
}

// canKill tells a kernel before 5.14, which cannot end a group at once.
func (g *group) canKill() bool {
	err := unix.Faccessat(g.fd(), "cgroup.kill", unix.W_OK, 0)
	if err != nil {
		_ = g.dir.Close()
	}
	return err == nil
}

func (g *group) fd() int {
	if g == nil {
		return -1
	}
	return int(g.dir.Fd())
}

// kill ends everything in the group, also what is being born meanwhile.
func (g *group) kill() {
	if g != nil {
		_ = set(g.dir.Name(), "cgroup.kill", "1")
	}
}

// remove removes the group once it is empty, which it is soon after its processes have died. A run may have divided
// its group further.
func (g *group) remove() error {
	if g == nil {
		return nil
	}
	var err error
	for range 100 {
		if err = removeGroups(g.dir.Name()); !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.Join(err, g.dir.Close())
}

func removeGroups(path string) error {
	below, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range below {
		if entry.IsDir() {
			if err := removeGroups(filepath.Join(path, entry.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(path)
}
