package main_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
)

// TestAWeakLockdownIsToldAndMayBeForbidden runs the agent where its workers find no landlock.
func TestAWeakLockdownIsToldAndMayBeForbidden(t *testing.T) {
	dir := t.TempDir()
	if _, err := workertest.Old(dir); err != nil {
		t.Fatal(err)
	}
	usual, err := built()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join(usual, "borealis-agent"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "borealis-agent"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true})
	d := newDevice(t, e, map[string]string{"role_mine.lua": taking(`"process", "engine"`)})
	d.programs = dir
	d.start()
	d.serving("role_mine.lua")
	const lacks = "landlock: function not implemented"
	if r := d.status().Roles[0]; r.Lockdown != "partial" || !slices.Equal(r.Weak, []string{lacks}) {
		t.Errorf("%+v", r)
	}
	if out := d.role("list").ok(t); !strings.Contains(out, "not locked down: "+lacks) {
		t.Errorf("list:\n%s", out)
	}
	if r := d.run(enginetest.Job{Script: []byte("x")}); r.Stdout != "ran\n" {
		t.Errorf("%+v", r)
	}

	d.stop()
	tree, err := settings.Open(d.home)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.UpdateDocument("SYSTEM", func(doc settings.Document) error { return doc.Set("require_lockdown", true) }); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.until("the refusal", func() bool {
		s := d.status()
		return len(s.Roles) == 1 && s.Roles[0].State == "refused" && strings.Contains(s.Roles[0].Reason, "which is required: "+lacks)
	})
	if out := d.role("list").ok(t); !strings.Contains(out, "which is required: "+lacks) {
		t.Errorf("list:\n%s", out)
	}
}
