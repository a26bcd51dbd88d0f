package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// engine is a Sender that keeps what it gets, and refuses what its test wants refused.
type engine struct {
	mu   sync.Mutex
	got  []string
	fail func(event, data string) error
	each chan string // gets every delivered text, when set
}

func (e *engine) Emit(_ context.Context, event string, data json.RawMessage) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := event + string(data)
	if e.fail != nil {
		if err := e.fail(event, string(data)); err != nil {
			return err
		}
	}
	e.got = append(e.got, text)
	if e.each != nil {
		e.each <- text
	}
	return nil
}

func (e *engine) Send(ctx context.Context, event string, data json.RawMessage) (func(context.Context) error, error) {
	return at(nil), e.Emit(ctx, event, data)
}

// at is an event of which is known at once what becomes of it.
func at(err error) func(context.Context) error { return func(context.Context) error { return err } }

func (e *engine) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got)
}

func open(t *testing.T, path string, opts Options) *Outbox {
	t.Helper()
	o, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

func box(t *testing.T) string { return filepath.Join(t.TempDir(), "outbox.db") }

func result(i int) wire.Result {
	return wire.Result{ID: fmt.Sprint(i), Role: "exec", Event: "r", Data: json.RawMessage(fmt.Sprint(i))}
}

func put(t *testing.T, o *Outbox, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := o.Put(result(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// start runs o until the test ends, or until the function that it returns is called.
func start(t *testing.T, o *Outbox, s Sender) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx, s) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func want(t *testing.T, got []string, from, to int) {
	t.Helper()
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("r%d", i))
	}
	if !slices.Equal(got, all) {
		t.Fatalf("got %q, want %q", got, all)
	}
}

// drained waits until nothing is on disk any more.
func drained(t *testing.T, o *Outbox, e *engine, n int) {
	t.Helper()
	for range n {
		<-e.each
	}
	stop := time.Now().Add(time.Minute)
	for o.Len() > 0 {
		if time.Now().After(stop) {
			t.Fatalf("%d results stay", o.Len())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestResultsOutliveTheProcessAndComeInOrder(t *testing.T) {
	path := box(t)
	o := open(t, path, Options{})
	put(t, o, 0, 20)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, path, Options{})
	if o.Len() != 20 {
		t.Fatalf("%d results after reopening", o.Len())
	}
	put(t, o, 20, 30)
	e := &engine{each: make(chan string, 100)}
	start(t, o, e)
	put(t, o, 30, 40)
	drained(t, o, e, 40)
	want(t, e.all(), 0, 40)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if o = open(t, path, Options{}); o.Len() != 0 {
		t.Errorf("%d delivered results are still there", o.Len())
	}
}

func TestAPutWakesASleepingRun(t *testing.T) {
	o, e := open(t, box(t), Options{}), &engine{each: make(chan string)}
	start(t, o, e)
	for i := range 5 {
		put(t, o, i, i+1)
		if got := <-e.each; got != fmt.Sprintf("r%d", i) {
			t.Fatalf("got %q", got)
		}
	}
}

func TestTheTextOfTheDataIsKept(t *testing.T) {
	const text = `{"stdout":"<a> & \u003c\n", "n":1.50,  "n":9007199254740993}`
	path := box(t)
	o := open(t, path, Options{})
	for _, r := range []wire.Result{{Event: "a", Data: json.RawMessage(text)}, {ID: "\xff", Role: "\x00", Event: "empty"}} {
		if err := o.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	e := &engine{each: make(chan string, 2)}
	start(t, o, e)
	drained(t, o, e, 2)
	if got := e.all(); !slices.Equal(got, []string{"a" + text, "empty"}) {
		t.Errorf("got %q", got)
	}
}

func TestAFullOutboxKeepsWhatItPromised(t *testing.T) {
	size := cost(encode(entry{Result: result(1), At: time.Now()}))
	for name, opts := range map[string]Options{"items": {MaxItems: 3}, "bytes": {MaxBytes: 3*size + 1}} {
		t.Run(name, func(t *testing.T) {
			path := box(t)
			o := open(t, path, opts)
			put(t, o, 0, 3)
			if err := o.Put(result(3)); !errors.Is(err, ErrFull) {
				t.Fatalf("got %v", err)
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			o = open(t, path, opts)
			if err := o.Put(result(3)); !errors.Is(err, ErrFull) {
				t.Fatalf("after reopening: %v", err)
			}
			e := &engine{each: make(chan string, 10)}
			start(t, o, e)
			drained(t, o, e, 3)
			put(t, o, 3, 6)
			drained(t, o, e, 3)
			want(t, e.all(), 0, 6)
		})
	}
}

func TestConcurrentPutsNeverPassTheBound(t *testing.T) {
	o := open(t, box(t), Options{MaxItems: 10})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if err := o.Put(result(i)); err != nil && !errors.Is(err, ErrFull) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if o.Len() != 10 {
		t.Errorf("%d results", o.Len())
	}
}

func TestWhatCannotBeSentIsNotTaken(t *testing.T) {
	o := open(t, box(t), Options{MaxBytes: 1000})
	for name, tc := range map[string]struct {
		r    wire.Result
		want error
	}{
		"no event":   {wire.Result{Data: json.RawMessage(`1`)}, ErrInvalid},
		"bad event":  {wire.Result{Event: "\xff"}, ErrInvalid},
		"no JSON":    {wire.Result{Event: "x", Data: json.RawMessage(`{`)}, ErrInvalid},
		"two values": {wire.Result{Event: "x", Data: json.RawMessage(`1 2`)}, ErrInvalid},
		"too big":    {wire.Result{Event: "x", Data: json.RawMessage(`"` + strings.Repeat("x", 1000) + `"`)}, ErrTooBig},
	} {
		if err := o.Put(tc.r); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := o.Offer(tc.r); tc.want == ErrInvalid && !errors.Is(err, tc.want) {
			t.Errorf("offered %s: %v", name, err)
		}
	}
	if o.Len() != 0 {
		t.Errorf("%d results", o.Len())
	}
}

func TestARefusedResultLetsTheOthersPass(t *testing.T) {
	var log bytes.Buffer
	o := open(t, box(t), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	put(t, o, 0, 3)
	e := &engine{each: make(chan string, 3), fail: func(_, data string) error {
		if data == "1" {
			return fmt.Errorf("too long for the engine: %w", ErrRefused)
		}
		return nil
	}}
	stop := start(t, o, e)
	drained(t, o, e, 2)
	stop()
	if got := e.all(); !slices.Equal(got, []string{"r0", "r2"}) {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "id=1") {
		t.Errorf("the log does not say it: %s", &log)
	}
}

func TestOneProcessOneRun(t *testing.T) {
	path := box(t)
	o := open(t, path, Options{})
	e := &engine{each: make(chan string, 1)}
	start(t, o, e)
	put(t, o, 0, 1)
	drained(t, o, e, 1) // it runs for certain
	if err := o.Run(t.Context(), e); !errors.Is(err, ErrRunning) {
		t.Errorf("second run: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"put": o.Put(result(1)), "offer": o.Offer(result(1)), "run": o.Run(t.Context(), e),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after close: %v", name, err)
		}
	}
	if err := o.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestCloseEndsASenderThatHangs(t *testing.T) {
	o := open(t, box(t), Options{})
	entered := make(chan struct{})
	go func() { _ = o.Run(context.Background(), hanging{entered}) }()
	put(t, o, 0, 1)
	<-entered
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}

// hanging is a Sender that waits for a connection that never comes.
type hanging struct{ entered chan struct{} }

func (h hanging) Emit(ctx context.Context, _ string, _ json.RawMessage) error {
	h.entered <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func (h hanging) Send(ctx context.Context, event string, data json.RawMessage) (func(context.Context) error, error) {
	return nil, h.Emit(ctx, event, data)
}

func TestTheFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "outbox.db")
	open(t, path, Options{})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Separator == '/' && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}
