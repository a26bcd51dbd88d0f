package main

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
)

func TestReady(t *testing.T) {
	loading, running, refused := reload.Status{State: reload.Loading}, reload.Status{State: reload.Running}, reload.Status{State: reload.Refused}
	for name, c := range map[string]struct {
		roles []reload.Status
		files bool
		want  bool
	}{
		"before the first look":   {nil, true, false},
		"no roles at all":         {nil, false, true},
		"one is still loading":    {[]reload.Status{running, loading}, true, false},
		"all serve or are judged": {[]reload.Status{running, refused}, true, true},
	} {
		r := newReady()
		r.look(c.roles, c.files)
		select {
		case <-r.done:
			if !c.want {
				t.Errorf("%s: ready", name)
			}
		default:
			if c.want {
				t.Errorf("%s: not ready", name)
			}
		}
	}
}

func TestWhatIsNeverReadyHoldsUpNothingForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, began := newReady(), time.Now()
		r.wait()
		if took := time.Since(began); took != readyWithin {
			t.Errorf("waited %v", took)
		}
		r.wait()
		r.now()
		if took := time.Since(began); took != readyWithin {
			t.Errorf("waited %v", took)
		}
	})
}

func TestAnyRoles(t *testing.T) {
	dir := t.TempDir()
	if anyRoles(dir) {
		t.Error("an empty directory has roles")
	}
	if err := os.WriteFile(filepath.Join(dir, "role_a.lua"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !anyRoles(dir) {
		t.Error("a role is not seen")
	}
}
