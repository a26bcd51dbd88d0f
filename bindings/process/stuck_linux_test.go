package process

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// freezer is a control group whose processes cannot even be killed while it is frozen.
func freezer(t *testing.T) (freeze func(pid string), thaw func()) {
	t.Helper()
	dir, err := os.MkdirTemp("/sys/fs/cgroup/freezer", "borealis-test-")
	if err != nil {
		t.Skipf("no freezer of cgroup v1 here: %v", err)
	}
	write := func(file, text string) {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0); err != nil {
			t.Error(err)
		}
	}
	thaw = func() { write("freezer.state", "THAWED") }
	t.Cleanup(func() {
		thaw()
		until(t, "the group is empty", func() bool { return os.Remove(dir) == nil })
	})
	return func(pid string) {
		write("cgroup.procs", pid)
		write("freezer.state", "FROZEN")
		until(t, "it is frozen", func() bool {
			state, _ := os.ReadFile(filepath.Join(dir, "freezer.state"))
			return string(state) == "FROZEN\n"
		})
	}, thaw
}

func TestNobodyWaitsForWhatCannotBeKilled(t *testing.T) {
	const script = "echo $$ > pid; exec sleep 1000"
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, c := range []struct {
		name  string
		given func(r *role)
	}{
		{"its time is up", func(r *role) { r.host.Advance(time.Minute) }},
		{"its handler is cancelled", func(*role) { cancel() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			freeze, thaw := freezer(t)
			host := hosttest.New(t.TempDir(), "process")
			impatient := Binding
			impatient.Open = func(host bindings.Host) (*bindings.Instance, error) {
				m := newModule(host)
				m.patience = 100 * time.Millisecond
				return m.instance(), nil
			}
			set, err := bindings.Open(host, []bindings.Binding{impatient}, host.Grants)
			if err != nil {
				t.Fatal(err)
			}
			r, dir := &role{t, host, set}, t.TempDir()
			result := r.begin(ctx, "run", argv("sh", "-c", script), opts{"cwd": dir, "timeout": 60.0})
			pid := words(t, filepath.Join(dir, "pid"), 1)
			freeze(pid[0])
			c.given(r)
			(<-result).refused(t, "stuck", `"sh"`)
			if err := set.Close(); err == nil {
				t.Error("the role's end does not tell of it")
			}
			thaw()
			until(t, "it dies", func() bool { return dead(pid[0]) })
		})
	}
}
