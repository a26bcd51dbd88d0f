package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// asNobody are options for a user who is on every machine and has no home; only root can use them.
func asNobody(t *testing.T) opts {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	return opts{"user": "nobody"}
}

func TestAProgramRunsAsAnotherUser(t *testing.T) {
	as := asNobody(t)
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/0")
	t.Setenv("TMPDIR", os.TempDir())
	r := openRole(t)
	const script = `id -un; id -gn; pwd; echo $HOME $USER $LOGNAME $SHELL "[$XDG_RUNTIME_DIR$TMPDIR]"; echo heard > /dev/stderr`
	done := r.must("run", argv("sh", "-c", script), as)
	want := "nobody\nnogroup\n/\n/nonexistent nobody nobody /usr/sbin/nologin []\n"
	if done["stdout"] != want || done["stderr"] != "heard\n" {
		t.Errorf("got %v", done)
	}
	as["cwd"], as["env"] = "/usr", opts{"HOME": "/tmp"}
	if done := r.must("run", argv("sh", "-c", "pwd; echo $HOME"), as); done["stdout"] != "/usr\n/tmp\n" {
		t.Errorf("got %v", done)
	}
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	r.call(context.Background(), "run", argv("id"), opts{"user": "nobody", "cwd": closed}).refused(t, "permission")
	if done := r.must("run", argv("id", "-u"), opts{"user": "root"}); done["stdout"] != "0\n" {
		t.Errorf("got %v", done)
	}
}

func TestGroupsAreTheUsersOwn(t *testing.T) {
	asNobody(t)
	r := openRole(t)
	for _, name := range []string{"nobody", "daemon", "www-data", "sys"} {
		out, err := exec.Command("id", "-G", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(string(out))
		got := strings.Fields(r.must("run", argv("id", "-G"), opts{"user": name})["stdout"].(string))
		slices.Sort(want)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestAScriptOfAnotherUserIsForThatUserAlone(t *testing.T) {
	as := asNobody(t)
	r := openRole(t)
	as["files"] = opts{"beside": "data"}
	const script = `d=$(dirname "$0"); stat -c '%a %U %F' "$0" "$d/beside" "$d" "$(dirname "$d")"; cat "$d/beside"; echo; ls "$(dirname "$d")" || echo "$d"; mkdir -p "$d/a"; chmod 0 "$d/a" "$d"`
	out := strings.Split(strings.TrimSpace(r.must("run_script", "sh", script, as)["stdout"].(string)), "\n")
	dir := out[len(out)-1]
	if want := []string{"600 nobody regular file", "600 nobody regular file", "700 nobody directory", "711 root directory", "data", dir}; !slices.Equal(out, want) {
		t.Errorf("got %q", out)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) || filepath.Dir(filepath.Dir(dir)) != os.TempDir() {
		t.Errorf("%q: %v", dir, err)
	}
	if err := r.set.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}

// What detached itself in every way that the kernel offers still has the run's marker, which root reads.
func TestTheTreeOfAnotherUserDies(t *testing.T) {
	as := asNobody(t)
	r := openRole(t)
	const script = `(setsid sh -c 'echo $$; exec sleep 1000' &) ; echo $$; exec sleep 1000`
	as["pty"] = opts{}
	c := r.start(argv("sh", "-c", script), as)
	pids := []string{c.line(), c.line()}
	if info, err := os.Stat("/proc/" + pids[1]); err != nil || ours(info) {
		t.Errorf("it is nobody's: %v, %v", info, err)
	}
	c.expect(true, "kill")
	c.ends(-1)
	expectDead(t, pids)

	delete(as, "pty")
	done := r.must("run_script", "sh", `setsid sleep 1000 > /dev/null 2>&1 & echo $!; exec setsid sh -c 'sleep 1000 & echo $!'`, as)
	pids = strings.Fields(done["stdout"].(string))
	if len(pids) != 2 {
		t.Errorf("got %v", done)
	}
	expectDead(t, pids)
}

// line reads a line.
func (c *talk) line() string {
	c.t.Helper()
	got := c.do(context.Background(), "read", opts{"line": true})
	if got.err != nil {
		c.t.Fatal(got.err)
	}
	return strings.TrimSpace(got.value.(string))
}

func TestUsersWhoCannotBeHad(t *testing.T) {
	r := openRole(t)
	ctx := context.Background()
	for _, name := range []string{"", "no-such-user", "0", "root:x"} {
		r.call(ctx, "run", argv("true"), opts{"user": name}).refused(t, "not_found", "user")
		r.call(ctx, "start", argv("true"), opts{"user": name}).refused(t, "not_found", "user")
		r.call(ctx, "run_script", "sh", "true", opts{"user": name}).refused(t, "not_found", "user")
	}
	a := &account{uid: 1000, name: "ann"}
	var failed *bindings.Error
	if err := a.permitted(1001); !errors.As(err, &failed) || failed.Code != "permission" || !strings.Contains(failed.Message, "root") {
		t.Errorf("another user: %v", err)
	}
	if a.permitted(1000) != nil || a.permitted(0) != nil {
		t.Error("the user itself, or root, is refused")
	}
	for _, id := range []string{"", "-1", "4294967295", "4294967296", "x"} {
		if n, err := number(id); err == nil {
			t.Errorf("id %q: %d", id, n)
		}
	}
}
