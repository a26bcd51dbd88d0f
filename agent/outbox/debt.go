package outbox

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

var (
	// ErrKnown says that the very debt was taken on before, whether or not it is paid.
	ErrKnown = errors.New("this was owed before")
	// ErrNotOwed says that no result is owed under a name, or not any more.
	ErrNotOwed = errors.New("no result is owed")
)

const (
	defaultMaxDebts = 4096
	// debtAge is when a debt is forgotten: an Engine that was set up anew counts its jobs from 1 again.
	debtAge = 30 * 24 * time.Hour
)

// Debt is a result that somebody waits for.
type Debt struct {
	Key  [sha256.Size]byte // tells this debt from every other
	Name string            // what a result for it is known by; several debts may have one name
	Will wire.Result       // what is sent in place of a result if there is none when the process has ended
}

// debt is a Debt as the file has it. When it is paid, its name and will are empty.
type debt struct {
	Debt
	at     time.Time
	number uint64
}

func (d debt) paid() bool { return d.Will.Event == "" }

// asResult is the will in the form of a result, and that also is the room which a debt takes until it is paid.
func (d debt) asResult() []byte { return encode(entry{Result: d.Will, At: d.at}) }

func encodeDebt(d debt) []byte {
	return pack(d.at, []string{string(d.Key[:]), d.Name, d.Will.ID, d.Will.Role, d.Will.Event}, d.Will.Data)
}

func decodeDebt(b []byte) (d debt, err error) {
	var key string
	d.at, d.Will.Data, err = unpack(b, &key, &d.Name, &d.Will.ID, &d.Will.Role, &d.Will.Event)
	if err == nil && len(key) != len(d.Key) {
		err = errDamaged
	}
	copy(d.Key[:], key)
	return d, err
}

// ledger is in memory what the file has of debts.
type ledger struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]bool
	owed  map[string][]debt // by name
}

func (l *ledger) addLocked(d debt) {
	l.known[d.Key] = true
	if !d.paid() {
		l.owed[d.Name] = append(l.owed[d.Name], d)
	}
}

// Owe takes on a debt, durably, before what leads to its result is begun. From then on either a result is paid for it, or
// its will is sent once the process has ended: exactly one of the two, whenever that is. ErrKnown says that it was taken
// on before, also by an earlier process: what led to its result must not be begun again. ErrFull says that there would be
// no room for the result.
//
// The debts of the last 30 days are remembered, at most Options.MaxDebts. What has to be forgotten unpaid is paid with its will.
func (o *Outbox) Owe(want Debt) error {
	if err := check(want.Will); err != nil {
		return err
	}
	l := &o.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[want.Key] {
		return fmt.Errorf("%q: %w", want.Name, ErrKnown)
	}
	d := debt{Debt: want, at: o.opts.Now()}
	size := cost(d.asResult())
	if err := o.reserve(size); err != nil {
		return err
	}
	var err error
	var forgotten []debt
	if d.number, forgotten, err = o.store.owe(d, o.tooOldLocked(d.at)); err != nil {
		o.release(1, size)
		return fmt.Errorf("debt %q: %w: %w", want.Name, ErrDisk, err)
	}
	o.forgetLocked(forgotten)
	l.addLocked(d)
	o.promise(1)
	return nil
}

// tooOldLocked says of debts, from the oldest on, whether they make room for another one.
func (o *Outbox) tooOldLocked(now time.Time) func(debt) bool {
	left := len(o.ledger.known)
	return func(d debt) bool {
		old := left >= o.opts.MaxDebts || now.Sub(d.at) >= debtAge
		left--
		return old
	}
}

// forgetLocked follows the file in what it forgot; what was unpaid there has become a result.
func (o *Outbox) forgetLocked(debts []debt) {
	for _, d := range debts {
		delete(o.ledger.known, d.Key)
		if !d.paid() {
			o.unlistLocked(d)
			o.opts.Log.Warn("no result came for a debt: its will is sent", "name", d.Name, "since", d.at)
			o.promise(-1)
			nudge(o.put)
		}
	}
}

func (o *Outbox) unlistLocked(d debt) {
	var rest []debt
	for _, other := range o.ledger.owed[d.Name] {
		if other.number != d.number {
			rest = append(rest, other)
		}
	}
	if o.ledger.owed[d.Name] = rest; len(rest) == 0 {
		delete(o.ledger.owed, d.Name)
	}
}

// Pay is Put for the result that is owed under a name: it settles the debt in one and the same instant. Without such a
// debt it fails with ErrNotOwed.
func (o *Outbox) Pay(name string, r wire.Result) error {
	if err := check(r); err != nil {
		return err
	}
	l := &o.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	debts := l.owed[name]
	if len(debts) == 0 {
		return fmt.Errorf("result %q of %q: %w", r.ID, r.Role, ErrNotOwed)
	}
	var kept int64
	for _, d := range debts {
		kept += cost(d.asResult())
	}
	value := encode(entry{Result: r, At: o.opts.Now()})
	if err := o.exchange(len(debts), kept, cost(value)); err != nil {
		return err
	}
	if err := o.store.add(value, debts...); err != nil {
		o.release(1-len(debts), cost(value)-kept)
		return fmt.Errorf("result %q of %q: %w: %w", r.ID, r.Role, ErrDisk, err)
	}
	delete(l.owed, name)
	o.promise(-len(debts))
	nudge(o.put)
	return nil
}

// Owes says whether a result is owed under a name.
func (o *Outbox) Owes(name string) bool {
	o.ledger.mu.Lock()
	defer o.ledger.mu.Unlock()
	return len(o.ledger.owed[name]) > 0
}

// promise counts the places that are kept for results to come.
func (o *Outbox) promise(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.promised += n
}

// inherit reads the debts of the file. An earlier process died with those that are unpaid: their wills become results.
func (o *Outbox) inherit() {
	o.ledger.known, o.ledger.owed = map[[sha256.Size]byte]bool{}, map[string][]debt{}
	for _, d := range o.store.found.debts {
		o.ledger.known[d.Key] = true
	}
	unpaid, err := o.store.execute()
	if err != nil { // they wait for a process that finds a better disk
		o.opts.Log.Error("what an earlier process owed can not be answered now", "debts", len(unpaid), "err", err)
		o.promised = len(unpaid)
		return
	}
	for _, d := range unpaid {
		o.opts.Log.Warn("an earlier process ended before there was a result: its will is sent", "name", d.Name, "since", d.at)
	}
	o.store.found.debts = nil
}
