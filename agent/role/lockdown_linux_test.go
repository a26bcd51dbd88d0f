package role

import (
	"slices"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
)

// TestAWorkerThatCannotBeLockedDown runs the real worker on a kernel that knows no landlock.
func TestAWorkerThatCannotBeLockedDown(t *testing.T) {
	old, err := workertest.Old(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_, cfg := newOffice(t)
	cfg.Workers = nursery(t, old)
	r := start(t, cfg, "")
	if missing := r.Manifest().Missing; !slices.Equal(missing, []string{"landlock: function not implemented"}) {
		t.Errorf("missing: %q", missing)
	}

	cfg.Workers = NewStrictNursery(old)
	defer cfg.Workers.Close()
	_, err = Start(t.Context(), cfg, source(""))
	if err == nil || !strings.Contains(err.Error(), "cannot be locked down on this machine, which is required: landlock: function not implemented") {
		t.Errorf("started: %v", err)
	}
}

func TestAWorkerThatMustBeLockedDownIs(t *testing.T) {
	_, cfg := newOffice(t)
	cfg.Workers = NewStrictNursery(workerPath)
	defer cfg.Workers.Close()
	r, err := Start(t.Context(), cfg, source(""))
	if err != nil {
		t.Fatal(err)
	}
	if missing := r.Manifest().Missing; len(missing) > 0 {
		t.Errorf("missing: %q", missing)
	}
	r.Kill(ErrEnded)
}
