package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// part makes a part of the version 2 tree for this test, as a manager leaves one to a service.
func part(t *testing.T) string {
	t.Helper()
	own := ownGroup("/proc/self")
	dir, err := os.MkdirTemp(own, "borealis-test-")
	if own == "" || err != nil {
		t.Skip("needs a version 2 cgroup tree that it may write to")
	}
	t.Cleanup(func() {
		if err := removeGroups(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestARunIsACgroupWhereTheAgentHasAPartOfTheTree(t *testing.T) {
	r := openRole(t)
	m := newModule(r.host)
	m.spawn.groups = &groups{part(t)}
	defer func() {
		if err := m.close(); err != nil {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	// Without its marker, its session and its parent, only the group knows whose it is.
	const script = `grep ^0:: /proc/self/cgroup
(env -i setsid bash -c '(env -i setsid bash -c "echo \$\$ > pid; exec sleep 1000" < /dev/null > /dev/null 2>&1 &)' &)
until [ -s pid ]; do sleep 0.01; done`
	k, err := m.keepScript("bash", []byte(script), scriptOptions{runOptions: runOptions{
		programOptions: programOptions{Cwd: dir}, MaxOutputBytes: 1000,
	}})
	if err != nil {
		t.Fatal(err)
	}
	done, err := k.finish(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if said := string(done.Stdout); !strings.Contains(said, groupPrefix+m.owner+".") {
		t.Errorf("it ran in %q", said)
	}
	expectDead(t, words(t, filepath.Join(dir, "pid"), 1))
	if left, _ := filepath.Glob(filepath.Join(m.spawn.groups.dir, groupPrefix+"*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

func TestGroupsOfDeadAgentsAreRemoved(t *testing.T) {
	dir := part(t)
	mine, dead := filepath.Join(dir, groupPrefix+owner()+".X"), filepath.Join(dir, groupPrefix+pidNamespace()+".999999999.1.X")
	for _, path := range []string{mine, dead, filepath.Join(dead, "below")} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	openGroups(dir)
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("a living agent's: %v", err)
	}
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dead agent's: %v", err)
	}
}

// self is a /proc/self that says what group this process is in.
func self(t *testing.T, cgroup, mount string) string {
	t.Helper()
	dir := t.TempDir()
	mountinfo := "35 25 0:30 / /sys rw - sysfs sysfs rw\n36 35 0:31 / " + mount + " rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
	for name, text := range map[string]string{"cgroup": "4:memory:/other\n" + cgroup, "mountinfo": mountinfo} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOnlyWhatIsDelegatedIsDivided(t *testing.T) {
	for _, c := range []struct{ name, cgroup, marked, attribute, value, want string }{
		{"own group", "0::/a.slice/b.service\n", "a.slice/b.service", "trusted.delegate", "1", "a.slice/b.service"},
		{"user's manager", "0::/a.slice/b.service\n", "a.slice/b.service", "user.delegate", "1", "a.slice/b.service"},
		{"leaf of it", "0::/a.slice/b.service/core\n", "a.slice/b.service", "user.delegate", "1", "a.slice/b.service"},
		{"not delegated", "0::/a.slice/b.service\n", "a.slice/b.service", "user.delegate", "0", ""},
		{"farther up", "0::/a.slice/b.service/c/d\n", "a.slice/b.service", "user.delegate", "1", ""},
		{"not marked", "0::/a.slice/b.service\n", "", "", "", ""},
		{"version 1 alone", "", "a.slice/b.service", "user.delegate", "1", ""},
	} {
		mount := t.TempDir()
		getxattr := func(path, name string, dest []byte) (int, error) {
			if c.marked == "" || path != filepath.Join(mount, c.marked) || name != c.attribute {
				return 0, unix.ENODATA
			}
			return copy(dest, c.value), nil
		}
		got := delegated(self(t, c.cgroup, mount), getxattr)
		if want := filepath.Join(mount, c.want); (got == nil) != (c.want == "") || got != nil && got.dir != want {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
}

func TestWhereNoGroupIsToBeHadARunGoesOnWithoutOne(t *testing.T) {
	plain := &groups{t.TempDir()} // no cgroup tree at all
	if g := plain.make("x"); g != nil {
		t.Errorf("got %v", g.dir.Name())
	}
	if left := entries(t, plain.dir); left != nil {
		t.Errorf("left behind: %q", left)
	}
}
