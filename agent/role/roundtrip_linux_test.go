package role

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	lua "github.com/yuin/gopher-lua"
)

// BenchmarkRoundTrip measures one event after the other, from its delivery until its handler has ended in the worker:
// without a call of the core, and with one that the core answers. times-bare is how often the same handler runs
// meanwhile on gopher-lua alone, in this process.
func BenchmarkRoundTrip(b *testing.B) {
	for _, way := range []struct{ name, handler string }{
		{"plain", `local x = ev.n + 1`},
		{"calling", `desk.say(ev.n)`},
	} {
		b.Run(way.name, func(b *testing.B) {
			got := make(chan wire.Result, 1)
			r := startBench(b, quiet(b, got), on(way.handler))
			ev := wire.Event{Name: "go", Data: json.RawMessage(`{"n":1}`)}
			for b.Loop() {
				if err := r.Deliver(ev); err != nil {
					b.Fatal(err)
				}
				if way.name == "calling" {
					<-got
				}
				r.mailbox.open.Wait()
			}
			each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(each/bare(b, way.handler), "times-bare")
		})
	}
}

// bare is how many nanoseconds a handler takes on gopher-lua alone, with a table made for each event as the world does.
func bare(b *testing.B, handler string) float64 {
	b.Helper()
	L := lua.NewState()
	defer L.Close()
	desk := L.NewTable()
	desk.RawSetString("say", L.NewFunction(func(*lua.LState) int { return 0 }))
	L.SetGlobal("desk", desk)
	if err := L.DoString("function handler(ev) " + handler + " end"); err != nil {
		b.Fatal(err)
	}
	const runs = 10000
	begun := time.Now()
	for range runs {
		ev := L.NewTable()
		ev.RawSetString("n", lua.LNumber(1))
		if err := L.CallByParam(lua.P{Fn: L.GetGlobal("handler"), Protect: true}, ev); err != nil {
			b.Fatal(err)
		}
	}
	return float64(time.Since(begun).Nanoseconds()) / runs
}
