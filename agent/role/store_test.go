package role

import (
	"path/filepath"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/store"
)

// TestVersionsOfARoleShareTheirStore goes the whole way, through two workers.
func TestVersionsOfARoleShareTheirStore(t *testing.T) {
	o, cfg := newOffice(t)
	data := filepath.Join(t.TempDir(), "RoleData")
	cfg.Place = func() bindings.Place {
		return bindings.Place{Context: "system", ServiceMode: "system", DataDir: data}
	}
	cfg.Bindings = append(cfg.Bindings, store.New())
	said := func() string {
		t.Helper()
		select {
		case err := <-o.lost:
			t.Fatal(err)
		case r := <-o.emitted:
			return string(r.Data)
		}
		return ""
	}
	old := start(t, cfg, on(`assert(store.set("k", { bytes = "\0\255", list = { 1 } })) desk.say("kept")`))
	deliver(t, old, "{}")
	if got := said(); got != `"kept"` {
		t.Fatal(got)
	}
	next := start(t, cfg, on(`local v = assert(store.get("k")) desk.say({ v.bytes == "\0\255", #v.list, store.keys() })`))
	deliver(t, next, "{}")
	if got := said(); got != `[true,1,["k"]]` {
		t.Errorf("the next version, beside the old: %s", got)
	}
	old.Kill(ErrEnded)
	deliver(t, next, "{}")
	if got := said(); got != `[true,1,["k"]]` {
		t.Errorf("after the old one ended: %s", got)
	}
}
