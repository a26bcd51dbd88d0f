package main

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/outbox"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// fussyDisk is where results go, when it takes any.
type fussyDisk struct {
	broken     bool
	kept, sent []string
}

func (d *fussyDisk) keep(r wire.Result) error {
	if d.broken {
		return fmt.Errorf("%w: no space left", outbox.ErrDisk)
	}
	d.kept = append(d.kept, r.ID)
	return nil
}

func (d *fussyDisk) send(r wire.Result) error {
	d.sent = append(d.sent, r.ID)
	return nil
}

func TestWhatTheDiskDoesNotTakeIsSentAtOnceAndKeptLater(t *testing.T) {
	d := &fussyDisk{broken: true}
	u := &unkept{log: slog.New(slog.DiscardHandler), send: d.send}
	for _, id := range []string{"a", "b"} {
		if err := u.keep(d.keep, wire.Result{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	u.again()
	if !slices.Equal(d.sent, []string{"a", "b"}) || len(d.kept) > 0 {
		t.Fatalf("%+v", d)
	}
	d.broken = false
	u.again()
	u.again()
	if !slices.Equal(d.kept, []string{"a", "b"}) || len(d.sent) != 2 || u.bytes != 0 {
		t.Fatalf("%+v", d)
	}
}

func TestWhatWaitsForTheDiskIsBounded(t *testing.T) {
	d := &fussyDisk{broken: true}
	u := &unkept{log: slog.New(slog.DiscardHandler), send: d.send}
	half := wire.Result{Data: make([]byte, unkeptBytes/2)}
	for n := range 3 {
		if err := u.keep(d.keep, half); (err == nil) != (n < 2) {
			t.Fatalf("result %d: %v", n, err)
		}
	}
}
