package role

import (
	"slices"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings/timer"
)

// BenchmarkBystander measures how long an event of a well-behaved role takes, alone and beside each kind of offender:
// the promise is that a busy role delays no other.
func BenchmarkBystander(b *testing.B) {
	for _, offender := range []struct{ name, handler string }{
		{"alone", ""},
		{"spinning", `while true do end`},
		{"hoarding", `local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end`},
		{"printing", `while true do print("line") end`},
		{"calling", `while true do desk.say(1) end`},
		{"matching", `local s = ("a"):rep(5000) while true do pcall(string.find, s, ("a*"):rep(20) .. "b") end`},
		{"ticking", `for i = 1, 100 do timer.every(0.01, function() local x = 0 for j = 1, 1000 do x = x + j end end) end`},
		{"sleeping", `timer.sleep(0.05)`}, // and so full
	} {
		b.Run(offender.name, func(b *testing.B) {
			if offender.handler != "" {
				offend(b, offender.handler)
			}
			got := make(chan wire.Result, 1)
			r := startBench(b, quiet(b, got), on(`desk.say(ev)`))
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				if err := r.Deliver(wire.Event{Name: "go", Data: []byte("1")}); err != nil {
					b.Fatal(err)
				}
				<-got
				took = append(took, time.Since(begun))
				time.Sleep(time.Millisecond)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-us")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
		})
	}
}

// offend keeps a role busy with a handler until the benchmark ends.
func offend(b *testing.B, handler string) {
	got := make(chan wire.Result, 1)
	cfg := quiet(b, got)
	cfg.Bindings = append(cfg.Bindings, timer.Binding)
	r := startBench(b, cfg, on(handler))
	stop := make(chan struct{})
	b.Cleanup(func() { close(stop) })
	go func() {
		for {
			select {
			case <-got:
			case <-stop:
				return
			}
		}
	}()
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = r.Deliver(wire.Event{Name: "go"}) // full, or dead and gone: either way it was tried
				time.Sleep(time.Millisecond)
			}
		}
	}()
}
