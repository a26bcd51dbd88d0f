package outbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// owing is a debt whose will is the event "w" with its number.
func owing(i int) Debt {
	return Debt{Key: [32]byte{byte(i), byte(i >> 8)}, Name: fmt.Sprint(i), Will: wire.Result{ID: fmt.Sprint(i), Event: "w", Data: json.RawMessage(fmt.Sprint(i))}}
}

func owe(t *testing.T, o *Outbox, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := o.Owe(owing(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// reopen closes an outbox and gives what the next process finds.
func reopen(t *testing.T, o *Outbox, opts Options) *Outbox {
	t.Helper()
	path := o.store.db.Path()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, path, opts)
}

// contents are the results on disk, in order.
func contents(t *testing.T, o *Outbox) (all []string) {
	t.Helper()
	for last := uint64(0); ; {
		number, e, found, err := o.store.next(last)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			break
		}
		last = number
		all = append(all, e.Event+string(e.Data))
	}
	if o.Len() != len(all) {
		t.Errorf("%d results are said to wait, not %q", o.Len(), all)
	}
	return all
}

func TestADebtIsPaidWithItsResultOrItsWill(t *testing.T) {
	o := open(t, box(t), Options{})
	owe(t, o, 0, 3)
	if err := o.Pay("1", result(1)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1", "7"} {
		if err := o.Pay(name, result(11)); !errors.Is(err, ErrNotOwed) {
			t.Errorf("paid twice, or for nothing: %v", err)
		}
	}
	if got := contents(t, o); !slices.Equal(got, []string{"r1"}) {
		t.Errorf("before the end: %q", got)
	}
	for range 2 { // and not once more after that
		o = reopen(t, o, Options{})
		if got := contents(t, o); !slices.Equal(got, []string{"r1", "w0", "w2"}) {
			t.Errorf("after a restart: %q", got)
		}
	}
	for i := range 3 {
		if err := o.Owe(owing(i)); !errors.Is(err, ErrKnown) {
			t.Errorf("debt %d again: %v", i, err)
		}
	}
	if err := o.Pay("0", result(0)); !errors.Is(err, ErrNotOwed) {
		t.Errorf("a result after the will: %v", err)
	}
}

func TestDebtsOfOneNameArePaidTogether(t *testing.T) {
	o := open(t, box(t), Options{})
	for i := range 3 {
		d := owing(i)
		d.Name = "same"
		if err := o.Owe(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Pay("same", result(1)); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, reopen(t, o, Options{})); !slices.Equal(got, []string{"r1"}) {
		t.Errorf("got %q", got)
	}
}

func TestDebtsAreBoundedAndNoneIsForgottenUnanswered(t *testing.T) {
	now := time.Unix(1_770_000_000, 0)
	opts := Options{MaxDebts: 3, Now: func() time.Time { return now }}
	o := open(t, box(t), opts)
	owe(t, o, 0, 3)
	if err := o.Pay("0", result(0)); err != nil {
		t.Fatal(err)
	}
	owe(t, o, 3, 5) // pushes out 0, which is paid, and 1, which is not
	if got := contents(t, o); !slices.Equal(got, []string{"r0", "w1"}) {
		t.Errorf("got %q", got)
	}
	if len(o.ledger.known) != 3 {
		t.Errorf("%d debts are known", len(o.ledger.known))
	}
	if err := o.Pay("1", result(1)); !errors.Is(err, ErrNotOwed) {
		t.Errorf("paid too late: %v", err)
	}
	now = now.Add(debtAge)
	owe(t, o, 4+1, 6)
	if got := contents(t, o); !slices.Equal(got, []string{"r0", "w1", "w2", "w3", "w4"}) {
		t.Errorf("after a month: %q", got)
	}
	owe(t, o, 0, 1) // it may come again
	if got := contents(t, reopen(t, o, opts)); !slices.Equal(got, []string{"r0", "w1", "w2", "w3", "w4", "w5", "w0"}) {
		t.Errorf("after a restart: %q", got)
	}
}

func TestThereIsRoomForWhatIsOwed(t *testing.T) {
	opts := Options{MaxItems: 3}
	o := open(t, box(t), opts)
	owe(t, o, 0, 2)
	put(t, o, 7, 8)
	if err := o.Put(result(8)); !errors.Is(err, ErrFull) {
		t.Errorf("put into a place that is kept: %v", err)
	}
	if err := o.Owe(owing(2)); !errors.Is(err, ErrFull) {
		t.Errorf("a debt without a place: %v", err)
	}
	if err := o.Pay("0", result(0)); err != nil {
		t.Errorf("paid into its place: %v", err)
	}
	if err := o.Pay("1", wire.Result{Event: "x", Data: make([]byte, 0)}); err != nil {
		t.Errorf("paid into its place: %v", err)
	}
	o = reopen(t, o, opts)
	if err := o.Owe(owing(2)); !errors.Is(err, ErrFull) {
		t.Errorf("after a restart: %v", err)
	}
	e := &engine{each: make(chan string, 5)}
	start(t, o, e)
	drained(t, o, e, 3)
	owe(t, o, 2, 5)
	if o.items != 3 || o.promised != 3 {
		t.Errorf("%d places, %d kept", o.items, o.promised)
	}
}

func TestWhatIsNoDebtIsNotTaken(t *testing.T) {
	o := open(t, box(t), Options{})
	if err := o.Owe(Debt{Will: wire.Result{Data: json.RawMessage("{")}}); !errors.Is(err, ErrInvalid) {
		t.Errorf("an invalid will: %v", err)
	}
	owe(t, o, 0, 1)
	if err := o.Pay("0", wire.Result{Event: "x", Data: json.RawMessage("{")}); !errors.Is(err, ErrInvalid) {
		t.Errorf("an invalid payment: %v", err)
	}
	if err := o.Pay("0", result(0)); err != nil {
		t.Errorf("paid after all: %v", err)
	}
	owe(t, o, 2, 3)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := o.Owe(owing(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	if err := o.Pay("2", result(0)); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

// TestADebtThatIsDamagedIsNoDebt expects the checksum to find what bbolt does not.
func TestADebtThatIsDamagedIsNoDebt(t *testing.T) {
	path := box(t)
	o := open(t, path, Options{})
	owe(t, o, 0, 1)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.LastIndex(b, []byte("\x010\x010"))+1] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(path); !errors.Is(err, errDamaged) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecodeDebtTakesOnlyWhatWasEncoded(f *testing.F) {
	f.Add(encodeDebt(debt{Debt: owing(1), at: time.Unix(1, 2)}))
	f.Add(encodeDebt(debt{at: time.Unix(1, 2)}))
	f.Add([]byte{0, 0, 0, 0, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeDebt(b)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Errorf("got %v", err)
			}
			return
		}
		if again, err := decodeDebt(encodeDebt(d)); err != nil || !bytes.Equal(encodeDebt(again), encodeDebt(d)) || again.Key != d.Key {
			t.Errorf("%+v reads back as %+v, %v", d, again, err)
		}
	})
}
