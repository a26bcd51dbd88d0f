package world

import (
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	lua "github.com/yuin/gopher-lua"
)

// BenchmarkEvent measures one event in its world, and beside it the same handler on bare gopher-lua.
func BenchmarkEvent(b *testing.B) {
	b.Run("world", func(b *testing.B) {
		setup := contract.Setup{
			Source: contract.Source{File: "role_t.lua", Text: []byte(head + on("local x = ev.n + 1") + "\nreturn Role")},
			Place:  bindings.Place{Context: "system"},
		}
		w, err := New(&desk{}, setup, nil, DefaultLimits())
		if err != nil {
			b.Fatal(err)
		}
		defer w.Close()
		w.Load(b.Context())
		h := contract.Happening{Name: "go", Data: []byte(`{"n":1}`)}
		for b.Loop() {
			if err := w.Event(b.Context(), w.baton.queue(), h); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		L := lua.NewState()
		defer L.Close()
		if err := L.DoString("function handler(ev) local x = ev.n + 1 end"); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			ev := L.NewTable()
			ev.RawSetString("n", lua.LNumber(1))
			if err := L.CallByParam(lua.P{Fn: L.GetGlobal("handler"), Protect: true}, ev); err != nil {
				b.Fatal(err)
			}
		}
	})
}
