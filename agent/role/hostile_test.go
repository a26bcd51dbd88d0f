package role

import (
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
)

// TestAWorkerThatTurnsHostileIsEndedAndNamed runs a worker that serves well at first. Its neighbour must notice nothing.
func TestAWorkerThatTurnsHostileIsEndedAndNamed(t *testing.T) {
	hostile, err := workertest.Program(t.TempDir(), "hostile", "./agent/worker/workertest/hostile")
	if err != nil {
		t.Fatal(err)
	}
	o, cfg := newOffice(t)
	neighbour := start(t, cfg, on(`desk.say("here")`))
	cfg.Workers = nursery(t, hostile)
	cfg.Limits.Watch = 20 * time.Millisecond
	for way, want := range map[string]string{
		"garbage": "ended for what it said: malformed frame: 1952999795 bytes",
		"huge":    "ended for what it said: malformed frame: 4294967295 bytes",
		"kind":    "ended for what it said: malformed frame: kind 9",
		"bomb":    "ended for what it said: malformed frame: too many values in ",
		"cut":     "ended for what it said: malformed frame",
		"leave":   "worker left: EOF",
		"hoard":   "worker died: the role holds too much memory",
		"mute":    "worker did not answer for 200ms",
	} {
		t.Run(way, func(t *testing.T) {
			cfg := cfg
			if way == "mute" {
				cfg.Limits.Mute = 200 * time.Millisecond
			}
			r := start(t, cfg, "")
			deliver(t, r, `"`+way+`"`)
			<-r.Done() // its process has been waited for by then
			if !strings.Contains(r.Err().Error(), want) {
				t.Errorf("ended with %q, want %q", r.Err(), want)
			}
			if lost := <-o.lost; !strings.Contains(lost.Error(), want) {
				t.Errorf("the event was lost with %q", lost)
			}
			deliver(t, neighbour, "{}")
			if got := <-o.emitted; string(got.Data) != `"here"` {
				t.Errorf("the neighbour said %s", got.Data)
			}
		})
	}
}

// TestAWorkerThatMakesNoSenseIsRefusedEachTime says what is well formed and means nothing: that ends no worker.
func TestAWorkerThatMakesNoSenseIsRefusedEachTime(t *testing.T) {
	hostile, err := workertest.Program(t.TempDir(), "hostile", "./agent/worker/workertest/hostile")
	if err != nil {
		t.Fatal(err)
	}
	o, cfg := newOffice(t)
	cfg.Workers = nursery(t, hostile)
	r := start(t, cfg, "")
	for range 3 {
		deliver(t, r, `"odd"`)
	}
	h := r.Health(t.Context())
	for ; h.Handled+h.Failed < 3 && r.Err() == nil; h = r.Health(t.Context()) {
		time.Sleep(time.Millisecond)
	}
	if h.Handled != 3 || h.Failed != 0 || h.Status != "healthy" {
		t.Errorf("%+v\n%s", h, o.logged())
	}
}
