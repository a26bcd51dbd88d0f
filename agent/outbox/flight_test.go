package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// tower is a Sender whose test says what becomes of each event, and when.
type tower struct {
	mu   sync.Mutex
	sent []string              // everything, repetitions too
	ends map[string]chan error // of the last flight of each
	away chan struct{}         // closed when there is a connection; nil when there is one
}

func (*tower) Emit(context.Context, string, json.RawMessage) error { return nil }

func (w *tower) Send(ctx context.Context, event string, data json.RawMessage) (func(context.Context) error, error) {
	w.mu.Lock()
	away := w.away
	w.mu.Unlock()
	if away != nil {
		select {
		case <-away:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	text, end := event+string(data), make(chan error, 1)
	w.sent = append(w.sent, text)
	if w.ends == nil {
		w.ends = map[string]chan error{}
	}
	w.ends[text] = end
	return func(ctx context.Context) error {
		select {
		case err := <-end:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}, nil
}

// end says what becomes of some events.
func (w *tower) end(err error, texts ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range texts {
		w.ends[text] <- err
	}
}

func (w *tower) take() (sent []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sent, w.sent = w.sent, nil
	return sent
}

// inTheAir runs a test in a bubble, where synctest.Wait waits until nothing more happens.
func inTheAir(t *testing.T, test func(t *testing.T, o *Outbox, w *tower)) {
	path := box(t)
	synctest.Test(t, func(t *testing.T) {
		o, w := open(t, path, Options{MaxItems: 1 << 20, MaxBytes: 1 << 30}), &tower{}
		stop := start(t, o, w)
		test(t, o, w)
		stop()
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestResultsAreConfirmedInAnyOrder(t *testing.T) {
	inTheAir(t, func(t *testing.T, o *Outbox, w *tower) {
		put(t, o, 0, 6)
		synctest.Wait()
		want(t, w.take(), 0, 6)
		w.end(nil, "r4", "r1", "r3")
		synctest.Wait()
		if o.Len() != 3 {
			t.Errorf("%d results on disk, want 3", o.Len())
		}
		put(t, o, 6, 7)
		synctest.Wait()
		want(t, w.take(), 6, 7)
		w.end(errAway, "r2") // the session ends, with others on their way
		w.end(nil, "r5")
		time.Sleep(2 * firstPause)
		synctest.Wait()
		got := w.take()
		if i := slices.Index(got, "r5"); i >= 0 { // it was confirmed too late to be heard
			got = slices.Delete(got, i, i+1)
		}
		if !slices.Equal(got, []string{"r0", "r2", "r6"}) {
			t.Errorf("sent again: %q", got)
		}
	})
}

// TestNothingOvertakesWhatIsSentAgain loses a session while another result already waits for the next one.
func TestNothingOvertakesWhatIsSentAgain(t *testing.T) {
	inTheAir(t, func(t *testing.T, o *Outbox, w *tower) {
		put(t, o, 0, 2)
		synctest.Wait()
		want(t, w.take(), 0, 2)
		w.mu.Lock()
		w.away = make(chan struct{})
		w.mu.Unlock()
		put(t, o, 2, 3)
		synctest.Wait()
		w.end(errAway, "r0", "r1")
		synctest.Wait()
		close(w.away)
		time.Sleep(2 * firstPause)
		synctest.Wait()
		want(t, w.take(), 0, 3)
	})
}

// TestWhatIsNotConfirmedHoldsUpNothing leaves hundreds of results without an answer, as Engines do that know no such event.
func TestWhatIsNotConfirmedHoldsUpNothing(t *testing.T) {
	inTheAir(t, func(t *testing.T, o *Outbox, w *tower) {
		put(t, o, 0, maxFlights-1)
		synctest.Wait()
		want(t, w.take(), 0, maxFlights-1)
		for i := maxFlights; i < maxFlights+5; i++ { // the one free place is enough
			put(t, o, i, i+1)
			synctest.Wait()
			want(t, w.take(), i, i+1)
			w.end(nil, fmt.Sprintf("r%d", i))
			synctest.Wait()
		}
		put(t, o, 0, 2)
		synctest.Wait()
		want(t, w.take(), 0, 1) // and no more than that
		w.end(nil, "r7")
		synctest.Wait()
		want(t, w.take(), 1, 2)
	})
}

func TestBytesOnTheirWayAreBounded(t *testing.T) {
	inTheAir(t, func(t *testing.T, o *Outbox, w *tower) {
		large := json.RawMessage(`"` + strings.Repeat("x", maxInFlight) + `"`)
		for _, event := range []string{"a", "b"} {
			if err := o.Put(wire.Result{Event: event, Data: large}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if sent := w.take(); len(sent) != 1 || sent[0][0] != 'a' {
			t.Fatalf("%d are on their way", len(sent))
		}
		w.end(nil, "a"+string(large))
		synctest.Wait()
		if sent := w.take(); len(sent) != 1 || sent[0][0] != 'b' {
			t.Fatalf("%d are on their way", len(sent))
		}
	})
}

// TestWhatIsOnItsWayStaysOnDisk ends a Run, and so its flights, and looks what the next one finds.
func TestWhatIsOnItsWayStaysOnDisk(t *testing.T) {
	path := box(t)
	o, w := open(t, path, Options{}), &tower{}
	put(t, o, 0, 3)
	stop := start(t, o, w)
	for o.Len() == 3 {
		w.mu.Lock()
		if end := w.ends["r1"]; end != nil && len(end) == 0 {
			end <- nil
		}
		w.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, path, Options{})
	e := &engine{each: make(chan string, 3)}
	start(t, o, e)
	drained(t, o, e, 2)
	if got := e.all(); !slices.Equal(got, []string{"r0", "r2"}) {
		t.Errorf("got %q", got)
	}
}
