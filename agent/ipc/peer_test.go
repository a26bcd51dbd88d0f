package ipc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair makes two peers that talk to each other; the test's end hangs up and sees both Run calls return.
func pair(t *testing.T, left, right Config) (*Peer, *Peer) {
	t.Helper()
	codec, err := NewCodec(nil)
	if err != nil {
		t.Fatal(err)
	}
	left.Codec, right.Codec = codec, codec
	toRight, fromLeft := io.Pipe()
	toLeft, fromRight := io.Pipe()
	hangup := func() {
		for _, c := range []io.Closer{toRight, fromLeft, toLeft, fromRight} {
			c.Close()
		}
	}
	left.Hangup, right.Hangup = hangup, hangup
	l, r := New(toLeft, fromLeft, left), New(toRight, fromRight, right)
	var running sync.WaitGroup
	running.Go(func() { l.Run(t.Context()) })
	running.Go(func() { r.Run(t.Context()) })
	t.Cleanup(func() { hangup(); running.Wait() })
	return l, r
}

// echo answers every call with its argument.
func echo(_ context.Context, c Call) func() (any, error) {
	var v any
	err := c.Decode(&v)
	return func() (any, error) { return v, err }
}

func TestCallsCrossInBothDirections(t *testing.T) {
	l, r := pair(t, Config{Handle: echo}, Config{Handle: echo})
	var calls sync.WaitGroup
	for _, peer := range []*Peer{l, r} {
		for i := range 100 {
			calls.Go(func() {
				var got int64
				if err := peer.Call(t.Context(), "echo", i, &got); err != nil || got != int64(i) {
					t.Errorf("echo %d: %d, %v", i, got, err)
				}
			})
		}
	}
	calls.Wait()
}

func TestBytesThatAreNoTextSurvive(t *testing.T) {
	l, _ := pair(t, Config{Handle: echo}, Config{Handle: echo})
	want := map[string]any{"s": "\xff\x00\xfe", "n": 1.5, "list": []any{true, nil}}
	var got map[string]any
	if err := l.Call(t.Context(), "echo", want, &got); err != nil || got["s"] != want["s"] || got["n"] != 1.5 {
		t.Fatalf("%#v, %v", got, err)
	}
}

func TestAFailureKeepsItsShape(t *testing.T) {
	fail := func(context.Context, Call) func() (any, error) {
		return func() (any, error) { return nil, &Failure{Code: "denied", Message: "no", Misuse: true} }
	}
	l, _ := pair(t, Config{Handle: echo}, Config{Handle: fail})
	var f *Failure
	if err := l.Call(t.Context(), "x", nil, nil); !errors.As(err, &f) || *f != (Failure{"denied", "no", true}) {
		t.Fatalf("%#v", err)
	}
}

func TestACancelledCallEndsBothSides(t *testing.T) {
	stopped := make(chan struct{})
	block := func(ctx context.Context, _ Call) func() (any, error) {
		return func() (any, error) { <-ctx.Done(); close(stopped); return nil, ctx.Err() }
	}
	l, _ := pair(t, Config{Handle: echo}, Config{Handle: block})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := l.Call(ctx, "x", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	<-stopped
}

func TestTooManyCallsAreRefusedNotQueued(t *testing.T) {
	release := make(chan struct{})
	hold := func(context.Context, Call) func() (any, error) {
		return func() (any, error) { <-release; return nil, nil }
	}
	l, _ := pair(t, Config{Handle: echo}, Config{Handle: hold, MaxCalls: 2, Busy: func(c Call) string { return c.Name + " is busy" }})
	results := make(chan error, 3)
	for range 3 {
		go func() { results <- l.Call(t.Context(), "x", nil, nil) }()
	}
	var f *Failure
	if err := <-results; !errors.As(err, &f) || f.Code != "busy" || f.Message != "x is busy" {
		t.Fatal(err)
	}
	go func() { results <- l.Call(t.Context(), "another", nil, nil) }() // has a place of its own
	close(release)
	for range 3 {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhoCallsWithoutEndAndReadsNothingIsCutOff floods a peer with calls and never reads what it says.
func TestWhoCallsWithoutEndAndReadsNothingIsCutOff(t *testing.T) {
	hold := func(ctx context.Context, _ Call) func() (any, error) {
		return func() (any, error) { <-ctx.Done(); return nil, ctx.Err() }
	}
	codec, err := NewCodec(nil)
	if err != nil {
		t.Fatal(err)
	}
	calls, flood := io.Pipe()
	unread, answers := io.Pipe()
	p := New(calls, answers, Config{Codec: codec, Handle: hold, MaxCalls: 2, Hangup: func() { calls.Close(); unread.Close() }})
	go func() {
		for id := uint64(1); codec.write(flood, frame{ID: id, Kind: kindCall, Name: "x"}, MaxFrame) == nil; id++ {
		}
	}()
	if err := p.Run(t.Context()); !errors.Is(err, ErrFlood) {
		t.Fatal(err)
	}
}

func TestAnAnswerTooLargeIsSaid(t *testing.T) {
	big := func(context.Context, Call) func() (any, error) {
		return func() (any, error) { return strings.Repeat("x", 2000), nil }
	}
	l, _ := pair(t, Config{Handle: echo}, Config{Handle: big, MaxFrame: 1000})
	var f *Failure
	if err := l.Call(t.Context(), "x", nil, nil); !errors.As(err, &f) || f.Code != "unsendable" {
		t.Fatal(err)
	}
}

func TestTheEndEndsEveryCall(t *testing.T) {
	hold := func(ctx context.Context, _ Call) func() (any, error) {
		return func() (any, error) { <-ctx.Done(); return nil, ctx.Err() }
	}
	l, _ := pair(t, Config{Handle: echo}, Config{Handle: hold})
	go func() { time.Sleep(10 * time.Millisecond); l.cfg.Hangup() }()
	if err := l.Call(t.Context(), "x", nil, nil); !errors.Is(err, ErrClosed) && err.Error() != "context canceled" {
		t.Fatal(err)
	}
	<-l.done
	if err := l.Call(t.Context(), "x", nil, nil); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func TestALengthOverTheLimitCostsNothing(t *testing.T) {
	codec, _ := NewCodec(nil)
	head := binary.BigEndian.AppendUint32(nil, 1<<31)
	if _, err := codec.read(bytes.NewReader(head), MaxFrame); !errors.Is(err, ErrFrame) {
		t.Fatal(err)
	}
}

// FuzzPeer feeds a peer what a hostile worker might write.
func FuzzPeer(f *testing.F) {
	codec, _ := NewCodec(nil)
	var good bytes.Buffer
	codec.write(&good, frame{ID: 1, Kind: kindCall, Name: "x", Body: []byte{0xf6}}, MaxFrame)
	codec.write(&good, frame{ID: 1, Kind: kindCancel}, MaxFrame)
	f.Add(good.Bytes())
	f.Add([]byte{0, 0, 0, 1, 0xff})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		p := New(bytes.NewReader(b), io.Discard, Config{Codec: codec, Handle: echo, MaxFrame: 1 << 16})
		if err := p.Run(t.Context()); err == nil {
			t.Fatal("the stream ended without saying so")
		}
	})
}
