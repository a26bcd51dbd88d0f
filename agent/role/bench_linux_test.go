package role

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// quiet is the configuration of a benchmark: nothing is logged, and what is emitted is counted.
func quiet(b *testing.B, got chan wire.Result) Config {
	o := &office{emitted: got}
	return Config{
		Workers: nursery(b, workerPath), Agent: o, Limits: DefaultLimits(), Bindings: []bindings.Binding{o.desk()},
		Place: func() bindings.Place { return bindings.Place{Context: "system"} },
		Log:   func(string) *slog.Logger { return slog.New(slog.DiscardHandler) },
		Lost:  func(wire.Event, string, error) {},
	}
}

func startBench(b *testing.B, cfg Config, body string) *Role {
	b.Helper()
	r, err := Start(b.Context(), cfg, source(body))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Kill(ErrEnded) })
	return r
}

// BenchmarkEvents measures events through one role: without a call of the core, and with one that is answered.
func BenchmarkEvents(b *testing.B) {
	for name, handler := range map[string]string{"plain": `local x = ev.n + 1`, "calling": `desk.say(ev.n)`} {
		b.Run(name, func(b *testing.B) {
			got := make(chan wire.Result, 1024)
			r := startBench(b, quiet(b, got), on(handler))
			data := json.RawMessage(`{"n":1,"text":"some words that an event may hold"}`)
			go func() {
				for range got {
				}
			}()
			b.ResetTimer()
			for range b.N {
				for r.Deliver(wire.Event{Name: "go", Data: data}) != nil {
					time.Sleep(20 * time.Microsecond)
				}
			}
			r.mailbox.open.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			r.Kill(ErrEnded)
			close(got)
		})
	}
}

// BenchmarkStart measures a worker's start with a small role, to serving.
func BenchmarkStart(b *testing.B) {
	cfg := quiet(b, nil)
	for range b.N {
		r, err := Start(b.Context(), cfg, source(on(`local x = ev.n`)))
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		r.Kill(ErrEnded)
		b.StartTimer()
	}
}

// BenchmarkIdleWorkers measures what idle workers cost: the kernel's proportional set size of each, by how many there
// are, since they share the pages of their program.
func BenchmarkIdleWorkers(b *testing.B) {
	for _, workers := range []int{1, 10, 50, 200} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			cfg := quiet(b, nil)
			var roles []*Role
			for range workers {
				roles = append(roles, startBench(b, cfg, on(`local x = ev.n`)))
			}
			time.Sleep(2 * time.Second) // they settle a second after loading
			kib := 0
			for b.Loop() {
				kib = 0
				for _, r := range roles {
					kib += workertest.PSS(b, r.PID())
				}
			}
			b.ReportMetric(float64(kib)/float64(workers), "PSS-KiB/worker")
		})
	}
}
