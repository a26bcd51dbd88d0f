package role

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

func TestEachRoleHasItsOwnDataDirectory(t *testing.T) {
	o, cfg := newOffice(t)
	data := filepath.Join(t.TempDir(), "RoleData")
	cfg.Place = func() bindings.Place { return bindings.Place{Context: "system", Hostname: "lab", DataDir: data} }
	cfg.Bindings = append(cfg.Bindings, bindings.Binding{Name: "where", Open: func(h bindings.Host) (*bindings.Instance, error) {
		return &bindings.Instance{Funcs: map[string]bindings.Func{
			"data": {Do: func(context.Context) (string, error) { return h.Place().DataDir, nil }},
		}}, nil
	}})
	r := start(t, cfg, `function Role:register_events(events)
		events:on("go", function() desk.say({ self.ctx.data_dir, where.data() }) end)
	end`)
	deliver(t, r, "{}")
	own := filepath.Join(data, "t")
	select {
	case err := <-o.lost:
		t.Fatal(err)
	case result := <-o.emitted:
		if got, want := string(result.Data), fmt.Sprintf("[%q,%q]", own, own); got != want {
			t.Errorf("the role has %s, want %s", got, want)
		}
	}
}

func TestNamesOfFolders(t *testing.T) {
	for name, want := range map[string]bool{
		"script_exec_system": true, "RDP": true, "": false, ".": false, "..": false, "../x": false, "a/b": false, "/etc": false, "a/": false,
	} {
		if namesFolder(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
