package process

import (
	"bytes"
	"context"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// flow is a bounded queue between a program that writes and a role that reads: when it is full, the program waits.
type flow struct {
	limit int
	text  *decoder // nil gives the bytes untouched

	turn chan struct{} // held by the one reader whose turn it is
	more chan struct{} // something arrived
	room chan struct{} // something was taken

	mu     sync.Mutex
	held   bytes.Buffer
	ended  bool // the program will write no more
	closed bool // nobody will read any more
}

func newFlow(limit int, text *decoder) *flow {
	return &flow{
		limit: limit, text: text,
		turn: make(chan struct{}, 1), more: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
}

// Write waits for room; after abandon it fails, so that the program's next write fails too.
func (f *flow) Write(p []byte) (int, error) {
	size := len(p)
	for !f.put(p) {
		<-f.room
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, io.ErrClosedPipe
	}
	return size, nil
}

// put adds p unless the queue is full.
func (f *flow) put(p []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return true
	}
	if f.held.Len() >= f.limit {
		return false
	}
	f.add(p, false)
	wake(f.more)
	return true
}

func (f *flow) add(p []byte, last bool) {
	if f.text != nil {
		p = f.text.decode(p, last)
	}
	f.held.Write(p)
}

// Close says that the program will write no more.
func (f *flow) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(nil, true)
	f.ended = true
	wake(f.more)
	return nil
}

// abandon says that nobody will read any more.
func (f *flow) abandon() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	wake(f.room)
	wake(f.more)
}

// drained says that all was read.
func (f *flow) drained() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended && f.held.Len() == 0
}

// take waits for the next piece of at most size bytes, or for a whole line; nil is the end.
func (f *flow) take(ctx context.Context, line bool, size int) (*string, error) {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for {
		piece, ready, err := f.next(line, size)
		if ready || err != nil {
			return piece, err
		}
		select {
		case <-f.more:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// next takes a piece if there is one.
func (f *flow) next(line bool, size int) (piece *string, ready bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false, bindings.Fail("closed", "the program's handle is closed")
	}
	held := f.held.Bytes()
	if len(held) == 0 {
		return nil, f.ended, nil
	}
	taken, left := f.chunk(held, size), 0
	if line {
		// A full queue gives what it has: the program cannot end the line before somebody reads.
		taken, left, ready = f.line(held, taken)
		if !ready && !f.ended && len(held) < min(size, f.limit) {
			return nil, false, nil
		}
	}
	text := string(held[:taken])
	f.held.Next(taken + left)
	wake(f.room)
	return &text, true, nil
}

// chunk is how much of held to give when no line is asked for: at most size, and no broken character.
func (f *flow) chunk(held []byte, size int) int {
	if len(held) <= size {
		return len(held)
	}
	if f.text == nil {
		return size
	}
	end := size
	for end > 0 && !utf8.RuneStart(held[end]) {
		end--
	}
	if end == 0 {
		_, end = utf8.DecodeRune(held)
	}
	return end
}

// line is the first line without its end, when it lies within the first most bytes, and the length of that end.
func (f *flow) line(held []byte, most int) (taken, end int, ok bool) {
	at := bytes.IndexByte(held, '\n')
	if at < 0 || at > most {
		return most, 0, false
	}
	if at > 0 && held[at-1] == '\r' {
		return at - 1, 2, true
	}
	return at, 1, true
}

// wake leaves one note for whoever waits.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
