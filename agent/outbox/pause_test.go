package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

var errAway = errors.New("the engine is away")

// In these tests time is the bubble's: an hour passes in no time.

func TestAnEngineThatIsAwayIsAskedLessAndLess(t *testing.T) {
	path := box(t)
	synctest.Test(t, func(t *testing.T) {
		o := open(t, path, Options{})
		put(t, o, 0, 3)
		var tries atomic.Int64
		e := &engine{fail: func(string, string) error { tries.Add(1); return errAway }}
		stop := start(t, o, e)
		time.Sleep(time.Minute)
		if n := tries.Load(); n < 5 {
			t.Errorf("only %d tries in the first minute", n)
		}
		for i := range 3600 { // what is put meanwhile must not hurry it
			time.Sleep(time.Second)
			if i%10 == 0 {
				put(t, o, 3+i/10, 4+i/10)
			}
		}
		if n := tries.Load(); n < 40 || n > 180 {
			t.Errorf("%d tries in an hour", n)
		}
		e.mu.Lock()
		e.fail = nil
		e.mu.Unlock()
		time.Sleep(2 * maxPause)
		synctest.Wait()
		want(t, e.all(), 0, 363)
		stop()
		_ = o.Close()
	})
}

func offer(t *testing.T, o *Outbox, role string, n int) {
	t.Helper()
	r := wire.Result{Role: role, Event: role, Data: []byte(fmt.Sprint(n))}
	if err := o.Offer(r); err != nil {
		t.Fatal(err)
	}
}

func TestOffersAreSentAtOnceOrDropped(t *testing.T) {
	path := box(t)
	synctest.Test(t, func(t *testing.T) {
		o := open(t, path, Options{})
		e := &engine{}
		stop := start(t, o, e)
		offer(t, o, "shot", 1)
		synctest.Wait()
		e.mu.Lock()
		e.fail = func(string, string) error { return errAway }
		e.mu.Unlock()
		offer(t, o, "shot", 2) // dropped: the engine stays away
		offer(t, o, "shot", 3)
		time.Sleep(2 * offerLife)
		if got := o.Dropped(); got != 2 {
			t.Errorf("%d dropped, want 2", got)
		}
		offer(t, o, "shot", 4) // kept: it comes back in time
		time.Sleep(offerLife / 2)
		e.mu.Lock()
		e.fail = nil
		e.mu.Unlock()
		time.Sleep(offerLife)
		synctest.Wait()
		if got := e.all(); !slices.Equal(got, []string{"shot1", "shot4"}) {
			t.Errorf("got %q", got)
		}
		if o.Len() != 0 {
			t.Errorf("%d offers are on disk", o.Len())
		}
		stop()
		_ = o.Close()
	})
}

func TestOffersAreBoundedAndOneRoleHarmsNoOther(t *testing.T) {
	path := box(t)
	synctest.Test(t, func(t *testing.T) {
		o := open(t, path, Options{})
		offer(t, o, "macro", 1)
		for i := range 1000 {
			offer(t, o, "shot", i)
		}
		e := &engine{}
		stop := start(t, o, e)
		synctest.Wait()
		got := e.all()
		if len(got) != offerItems || got[0] != "macro1" || got[offerItems-1] != "shot999" {
			t.Errorf("%d sent: %q", len(got), got)
		}
		if want := uint64(1001 - offerItems); o.Dropped() != want {
			t.Errorf("%d dropped, want %d", o.Dropped(), want)
		}
		stop()
		_ = o.Close()
	})
}

func TestOffersAreBoundedInBytes(t *testing.T) {
	l := newLane()
	for range 10 {
		if err := l.offer(wire.Result{Event: "shot", Data: make([]byte, offerBytes/4)}); err != nil {
			t.Fatal(err)
		}
	}
	if l.bytes > offerBytes || l.dropped.Load() != 6 {
		t.Errorf("%d bytes wait, %d dropped", l.bytes, l.dropped.Load())
	}
	if err := l.offer(wire.Result{Event: "shot", Data: make([]byte, offerBytes+1)}); !errors.Is(err, ErrTooBig) {
		t.Errorf("got %v", err)
	}
}

// A backlog of results and a stuck result hold up no offer, and offers hold up no result.
func TestTheTwoDoorsAreApart(t *testing.T) {
	o := open(t, box(t), Options{})
	put(t, o, 0, 1)
	s := &halves{offers: make(chan string, 1), entered: make(chan struct{}, 1)}
	start(t, o, s)
	<-s.entered
	offer(t, o, "shot", 1)
	if got := <-s.offers; got != "1" {
		t.Errorf("got %q", got)
	}
}

// halves is a Sender that is stuck with results and quick with offers.
type halves struct {
	offers  chan string
	entered chan struct{}
}

func (h *halves) Emit(_ context.Context, _ string, data json.RawMessage) error {
	h.offers <- string(data)
	return nil
}

func (h *halves) Send(ctx context.Context, event string, data json.RawMessage) (func(context.Context) error, error) {
	return nil, hanging{h.entered}.Emit(ctx, event, data)
}

// TestANewerStateTakesTheOldersPlace offers states of two things while nothing can be sent.
func TestANewerStateTakesTheOldersPlace(t *testing.T) {
	o := open(t, box(t), Options{})
	for i := range 5 {
		for _, id := range []string{"a", "b", ""} {
			r := result(i)
			r.ID = id
			if err := o.Offer(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	o.lane.mu.Lock()
	defer o.lane.mu.Unlock()
	var waiting []string
	for _, r := range o.lane.queue {
		waiting = append(waiting, r.ID)
	}
	slices.Sort(waiting)
	if want := []string{"", "", "", "", "", "a", "b"}; !slices.Equal(waiting, want) || o.Dropped() != 8 {
		t.Errorf("%q wait, %d dropped", waiting, o.Dropped())
	}
}
