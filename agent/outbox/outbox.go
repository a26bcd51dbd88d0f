// Package outbox keeps results on disk until the Engine has them.
//
// It promises that a result is durable once Put returns, whatever happens to the process; that results are sent in
// the order in which they were put, many on their way at once, and those that a session with the Engine leaves
// unconfirmed again in the next; and that none is dropped to make room: a full outbox refuses the new one with ErrFull,
// and what was promised stays. A result may be sent twice, if a session or the process ends between its delivery and the
// moment that this is on disk.
//
// It is also the ledger of what is still owed: with Owe somebody promises a result before beginning what leads to it, and
// Pay puts the result and settles the debt in one instant. However the process ends, each debt is answered once: with its
// result, or with the will that was left for this case; and what was owed once is never owed again.
//
// Offer is the other door, for what is worthless a moment later (a frame of the screen, a progress message): it
// stays in memory, a few seconds at most, and is dropped when the Engine cannot be reached in that time.
//
// An outbox belongs to one process: its file is locked. It does not know what the results mean, nor how they travel.
package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Errors that a caller must tell apart.
var (
	ErrFull    = errors.New("the outbox is full")               // the results that are in it are kept
	ErrTooBig  = errors.New("the result is too big")            // it could never be put
	ErrInvalid = errors.New("the result is invalid")            // no event, or data that is no JSON
	ErrClosed  = errors.New("the outbox is closed")             //
	ErrDisk    = errors.New("the disk did not take it")         // full, read-only or broken
	ErrInUse   = errors.New("another process has the outbox")   //
	ErrRunning = errors.New("the outbox is being sent already") //

	// ErrRefused is for a Sender to wrap when a result can never be delivered, such as one that the Engine's
	// message limit forbids. It is then logged as an error and let go, so that those behind it move on.
	ErrRefused = errors.New("the result can not be delivered")
)

const (
	defaultMaxItems = 10_000
	defaultMaxBytes = 64 << 20
)

// Sender hands events to the Engine. It is called by two goroutines: one for what was put, one for what was offered.
type Sender interface {
	// Send sends an event, for which it may wait until ctx ends. The function that it returns, for one of many events
	// that may be on their way at once, waits until the Engine has it, or until that can not be known any more.
	Send(ctx context.Context, event string, data json.RawMessage) (received func(context.Context) error, err error)
	// Emit sends an event of which nobody will ask whether the Engine has it.
	Emit(ctx context.Context, event string, data json.RawMessage) error
}

// Options bound an outbox. The zero value is fit for an agent.
type Options struct {
	MaxItems int              // results kept; 10,000 when 0
	MaxBytes int64            // their size in all, with some bytes each for the index; 64 MiB when 0
	MaxDebts int              // debts remembered, paid ones too; 4,096 when 0
	Log      *slog.Logger     // nil for none
	Now      func() time.Time // time.Now when nil; it dates results, and measures nothing
}

func (o Options) withDefaults() Options {
	if o.MaxItems == 0 {
		o.MaxItems = defaultMaxItems
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxDebts == 0 {
		o.MaxDebts = defaultMaxDebts
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Outbox is one open file of results.
type Outbox struct {
	opts   Options
	store  *store
	ledger ledger
	lane   *lane
	put    chan struct{} // holds one token while there may be something new to send

	mu       sync.Mutex
	items    int // results, and places kept for them
	promised int // of these, the places
	bytes    int64
	closed   bool
	stop     context.CancelFunc // ends the Run in progress
	running  chan struct{}      // closed when it has ended; nil when there is none
}

// Open opens the outbox at path, or makes it. A file that is damaged is put aside under another name and said so in
// the log: an agent that answers nothing any more would be worse than one that lost what nobody can read.
func Open(path string, opts Options) (*Outbox, error) {
	opts = opts.withDefaults()
	s, err := openOrReplace(path, opts)
	if err != nil {
		return nil, fmt.Errorf("outbox %q: %w", path, err)
	}
	o := &Outbox{opts: opts, store: s, lane: newLane(), put: make(chan struct{}, 1)}
	o.items, o.bytes = s.found.items, s.found.bytes
	o.inherit()
	return o, nil
}

// Put makes r durable. When it returns nil, r is on disk and will be sent.
func (o *Outbox) Put(r wire.Result) error {
	if err := check(r); err != nil {
		return err
	}
	value := encode(entry{Result: r, At: o.opts.Now()})
	if err := o.reserve(cost(value)); err != nil {
		return err
	}
	if err := o.store.add(value); err != nil {
		o.release(1, cost(value))
		return fmt.Errorf("result %q of %q: %w: %w", r.ID, r.Role, ErrDisk, err)
	}
	nudge(o.put)
	return nil
}

// Offer sends r if that can be done within a few seconds, and drops it otherwise. It never waits and never touches
// the disk. What is offered keeps its order among itself, not towards what was put. One with an ID takes the place of what
// still waits with the same role, event and ID. When too much waits, the oldest of the same role and event goes first.
// Dropped tells how many went.
func (o *Outbox) Offer(r wire.Result) error {
	if err := check(r); err != nil {
		return err
	}
	if o.isClosed() {
		return ErrClosed
	}
	return o.lane.offer(r)
}

// Dropped is how many offered results were let go since Open.
func (o *Outbox) Dropped() uint64 { return o.lane.dropped.Load() }

// Len is how many results wait on disk.
func (o *Outbox) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.items - o.promised
}

// Close ends a Run in progress, waits for it, and closes the file. Results stay in it for the next Open.
func (o *Outbox) Close() error {
	o.mu.Lock()
	stop, running, closed := o.stop, o.running, o.closed
	o.closed = true
	o.mu.Unlock()
	if running != nil {
		stop()
		<-running
	}
	if closed {
		return nil
	}
	return o.store.close()
}

func (o *Outbox) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// reserve takes room for a result before it is written, so that two at once cannot both have the last place.
func (o *Outbox) reserve(size int64) error { return o.exchange(0, 0, size) }

// exchange is reserve for one to whom places of a certain size are kept.
func (o *Outbox) exchange(places int, kept, size int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	items, bytes := o.items-places+1, o.bytes-kept+size
	switch {
	case o.closed:
		return ErrClosed
	case size > o.opts.MaxBytes:
		return fmt.Errorf("%w: %d bytes of %d", ErrTooBig, size, o.opts.MaxBytes)
	case items > o.opts.MaxItems || bytes > o.opts.MaxBytes:
		return fmt.Errorf("%w: %d results, %d bytes wait", ErrFull, o.items, o.bytes)
	}
	o.items, o.bytes = items, bytes
	return nil
}

func (o *Outbox) release(items int, size int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.items -= items
	o.bytes -= size
}

func check(r wire.Result) error {
	if r.Event == "" || !utf8.ValidString(r.Event) {
		return fmt.Errorf("%w: event %q", ErrInvalid, r.Event)
	}
	if len(r.Data) > 0 && !json.Valid(r.Data) {
		return fmt.Errorf("%w: data of event %q is no JSON", ErrInvalid, r.Event)
	}
	return nil
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
