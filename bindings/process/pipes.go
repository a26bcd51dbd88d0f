package process

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// ends are the two sides of a program's standard streams.
type ends struct {
	child []*os.File // stdin, stdout, stderr of the program
	ours  []*os.File
	// Our sides by name; nil where there is none.
	stdin, stdout, stderr *os.File
	screen                *terminal // what the streams lead to, instead of pipes; nil for pipes
}

func openEnds(o order) (*ends, error) {
	e := &ends{}
	err := e.open(o)
	if err != nil {
		e.closeChild()
		e.closeOurs()
		return nil, err
	}
	e.give(o.who)
	return e, nil
}

// give lets the user open the program's pipes or terminal by name too, as /dev/stderr, where the system can do that.
func (e *ends) give(who *account) {
	for _, file := range e.child {
		info, err := file.Stat()
		if err == nil && (e.screen != nil || info.Mode()&os.ModeNamedPipe != 0) { // and not the machine's /dev/null
			_ = who.take(file)
		}
	}
}

func (e *ends) open(o order) (err error) {
	if o.pty != nil {
		return e.openTerminal(*o.pty)
	}
	if e.stdin, err = e.input(o); err != nil {
		return err
	}
	if e.stdout, err = e.output(); err != nil {
		return err
	}
	if o.stderr == nil {
		e.child = append(e.child, e.child[1])
		return nil
	}
	e.stderr, err = e.output()
	return err
}

func (e *ends) input(o order) (*os.File, error) {
	if !o.talk && len(o.input) == 0 {
		null, err := os.Open(os.DevNull)
		e.child = append(e.child, null)
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	e.child, e.ours = append(e.child, r), append(e.ours, w)
	return w, nil
}

func (e *ends) output() (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	e.child, e.ours = append(e.child, w), append(e.ours, r)
	return r, nil
}

func (e *ends) closeChild() { closeFiles(e.child) }

func (e *ends) closeOurs() {
	if e.screen != nil {
		e.screen.hangUp()
	}
	closeFiles(e.ours)
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // a second close, of what is both stdout and stderr, does nothing
	}
}

// pump carries a stream to its end.
func pump(from *os.File, to io.WriteCloser) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, refused := to.Write(buffer[:n]); refused != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = from.Close()
	_ = to.Close()
}

// feed writes to a program what a role hands it, piece after piece. A piece that its role no longer waits for is still
// written whole: a program must never meet half of one.
type feed struct {
	farewell []byte // written before the end
	pieces   chan piece
	closed   chan struct{} // nothing more will be written
	once     sync.Once
}

// endOfInput is what a terminal makes the end of its program's input of: Ctrl-D, at the beginning of a line.
const endOfInput = "\x04"

type piece struct {
	data  []byte
	reply chan error
}

func newFeed(terminal bool) *feed {
	f := &feed{pieces: make(chan piece), closed: make(chan struct{})}
	if terminal {
		f.farewell = []byte(endOfInput)
	}
	return f
}

// run is the goroutine that owns the pipe.
func (f *feed) run(w *os.File) {
	defer func() { _ = w.Close() }()
	for {
		select {
		case p := <-f.pieces:
			_, err := w.Write(p.data)
			p.reply <- err
		case <-f.closed:
			_, _ = w.Write(f.farewell) // nothing, or to one who may be gone
			return
		}
	}
}

// end lets the program meet the end of its input.
func (f *feed) end() { f.once.Do(func() { close(f.closed) }) }

func (f *feed) write(ctx context.Context, data []byte) error {
	p := piece{data: data, reply: make(chan error, 1)}
	select {
	case f.pieces <- p:
	case <-f.closed:
		return bindings.Fail("closed", "stdin is closed")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-p.reply:
		return written(err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func written(err error) error {
	if errors.Is(err, os.ErrClosed) || brokenPipe(err) {
		return bindings.Fail("closed", "the program reads no more: %w", err)
	}
	return err
}
