package host

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/session"
	"golang.org/x/sys/unix"
)

// nest is the host's own control group, in the part of the version 2 tree that the machine's manager has left to the
// core (systemd's Delegate=yes). Whatever comes of the host is in it, and one write ends all of it. The host may divide
// it further: it is handed on to the user as the core's was to the core. A nil nest is none.
type nest struct{ dir *os.File }

// newNest makes the group of a host; nil where nothing is left to the core.
func newNest(cfg Config) *nest {
	above := delegated(cmp.Or(cfg.proc, "/proc"))
	if above == "" {
		return nil
	}
	path, err := os.MkdirTemp(above, "borealis-session-"+strconv.Itoa(int(cfg.Login.UID))+"-")
	if err != nil {
		return nil
	}
	if dir, err := os.Open(path); err == nil {
		if handOn(path, cfg.Login) == nil {
			return &nest{dir}
		}
		_ = dir.Close()
	}
	_ = os.Remove(path)
	return nil
}

// handOn makes a group the user's to divide, and marks it as such; what limits it stays the core's.
func handOn(path string, to session.Login) error {
	errs := []error{unix.Setxattr(path, "user.delegate", []byte("1"), 0), unix.Faccessat(unix.AT_FDCWD, filepath.Join(path, "cgroup.kill"), unix.W_OK, 0)}
	for _, name := range []string{"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"} {
		errs = append(errs, os.Chown(filepath.Join(path, name), int(to.UID), int(to.GID)))
	}
	return errors.Join(errs...)
}

// delegated finds the group of this process, or the one above it if it keeps itself in a leaf; "" if neither is marked
// as left to it.
func delegated(proc string) string {
	own := ownGroup(proc)
	if own == "" {
		return ""
	}
	for _, dir := range []string{own, filepath.Dir(own)} {
		for _, mark := range []string{"trusted.delegate", "user.delegate"} {
			var value [2]byte
			if n, err := unix.Getxattr(dir, mark, value[:]); err == nil && string(value[:n]) == "1" {
				return dir
			}
		}
	}
	return ""
}

// ownGroup is the directory of this process's group of the version 2 tree; "" when there is none.
func ownGroup(proc string) string {
	groups, err := os.ReadFile(filepath.Join(proc, "self", "cgroup"))
	mounts, err2 := os.ReadFile(filepath.Join(proc, "self", "mountinfo"))
	if err != nil || err2 != nil {
		return ""
	}
	for line := range strings.Lines(string(mounts)) {
		left, right, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(left); !strings.HasPrefix(right, "cgroup2 ") || len(fields) < 5 || fields[3] != "/" {
			continue
		}
		for group := range strings.Lines(string(groups)) {
			if path, ok := strings.CutPrefix(strings.TrimSuffix(group, "\n"), "0::"); ok {
				return filepath.Join(strings.Fields(left)[4], path)
			}
		}
	}
	return ""
}

// attributes make the host the user's, in a session of its own and in its nest.
func attributes(to session.Login, n *nest) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: to.UID, Gid: to.GID, Groups: to.Groups},
		Setsid:     true,
	}
	if n != nil {
		a.UseCgroupFD, a.CgroupFD = true, int(n.dir.Fd())
	}
	return a
}

// end ends whatever is left of a host, and removes its group.
func (n *nest) end() {
	if n == nil {
		return
	}
	path := n.dir.Name()
	_ = os.WriteFile(filepath.Join(path, "cgroup.kill"), []byte("1"), 0)
	for range 100 { // a group is empty soon after its processes have died
		if err := prune(path); !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = n.dir.Close()
}

// prune removes a group and those that it was divided into, the deepest first.
func prune(path string) error {
	var groups []string
	err := filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			groups = append(groups, p)
		}
		return err
	})
	for _, p := range slices.Backward(groups) {
		err = errors.Join(err, os.Remove(p))
	}
	return err
}
