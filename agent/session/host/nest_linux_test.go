package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
	"golang.org/x/sys/unix"
)

// procOf is a /proc that says that the core is in a group of a version 2 tree that is mounted somewhere.
func procOf(t *testing.T, mount, group string) string {
	t.Helper()
	proc := t.TempDir()
	self := filepath.Join(proc, "self")
	mountinfo := "35 25 0:30 / /sys rw - sysfs sysfs rw\n36 35 0:31 / " + mount + " rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
	err := errors.Join(os.Mkdir(self, 0o755), os.WriteFile(filepath.Join(self, "mountinfo"), []byte(mountinfo), 0o600),
		os.WriteFile(filepath.Join(self, "cgroup"), []byte("4:memory:/other\n"+group), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return proc
}

func TestOnlyWhatIsDelegatedIsDivided(t *testing.T) {
	for name, tc := range map[string]struct{ group, marked, value, want string }{
		"own group":        {"0::/a.slice/b.service\n", "a.slice/b.service", "1", "a.slice/b.service"},
		"a leaf of it":     {"0::/a.slice/b.service/core\n", "a.slice/b.service", "1", "a.slice/b.service"},
		"not delegated":    {"0::/a.slice/b.service\n", "a.slice/b.service", "0", ""},
		"farther up":       {"0::/a.slice/b.service/c/d\n", "a.slice/b.service", "1", ""},
		"not marked":       {"0::/a.slice/b.service\n", "", "", ""},
		"version 1 alone":  {"", "a.slice/b.service", "1", ""},
		"nothing of sense": {"0::", "a.slice/b.service", "1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			mount := t.TempDir()
			if err := os.MkdirAll(filepath.Join(mount, "a.slice/b.service/c/d"), 0o755); err != nil {
				t.Fatal(err)
			}
			if tc.marked != "" {
				if err := unix.Setxattr(filepath.Join(mount, tc.marked), "trusted.delegate", []byte(tc.value), 0); err != nil {
					t.Fatal(err)
				}
			}
			want := tc.want
			if want != "" {
				want = filepath.Join(mount, want)
			}
			if got := delegated(procOf(t, mount, tc.group)); got != want {
				t.Errorf("%q, not %q", got, want)
			}
		})
	}
}

// A host that is killed closes nothing: what its jobs have detached dies with its group.
func TestAHostHasAGroupOfItsOwn(t *testing.T) {
	own := ownGroup("/proc")
	core, err := os.MkdirTemp(own, "borealis-test-")
	if own == "" || err != nil {
		t.Skip("needs a version 2 cgroup tree that it may write to")
	}
	defer func() {
		if err := os.Remove(core); err != nil { // it is empty then
			t.Error(err)
		}
	}()
	if err := unix.Setxattr(core, "trusted.delegate", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	cfg := ada(t)
	cfg.proc = procOf(t, filepath.Dir(core), "0::/"+filepath.Base(core)+"\n")
	h := start(t, cfg)
	set := opened(t, h, hosttest.New("", "process"), "process")
	groups, err := filepath.Glob(filepath.Join(core, "borealis-session-71234-*"))
	if err != nil || len(groups) != 1 {
		t.Fatalf("groups %q, %v", groups, err)
	}
	if in := sh(t, set, "grep ^0:: /proc/self/cgroup"); !strings.Contains(in, "/"+filepath.Base(groups[0])) {
		t.Errorf("a job is in %q", in)
	}
	out := call(t, set, "process", "start", []any{"sh", "-c", "env -i setsid sleep 1234567 & sleep 1234567"})
	if err := syscall.Kill(h.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err, out)
	}
	<-h.Done()
	if _, err := os.Stat(groups[0]); !errors.Is(err, os.ErrNotExist) {
		procs, _ := os.ReadFile(filepath.Join(groups[0], "cgroup.procs"))
		t.Errorf("the group is still there: %v, %s", err, fmt.Sprintf("%q", procs))
	}
}
