package socketio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// fragment is how much of a message one websocket frame carries: eventlet refuses frames over 8 MiB, and the
// write timeout runs anew for each.
const fragment = 1 << 20

// link carries frames over a websocket, for either half.
type link struct {
	conn    *websocket.Conn
	timeout time.Duration // of writing one fragment
	heard   func()
	stalled atomic.Pointer[error] // the timeout: it closes the websocket, and then is why reading fails as well
}

func newLink(conn *websocket.Conn, max int64, timeout time.Duration, heard func()) *link {
	conn.SetReadLimit(max)
	return &link{conn: conn, timeout: timeout, heard: heard}
}

func (l *link) read(ctx context.Context) ([]frame, error) {
	kind, r, err := l.conn.Reader(ctx)
	if err != nil {
		return nil, l.readError(err)
	}
	b, err := io.ReadAll(listener{r, l.heard})
	if err != nil {
		return nil, l.readError(err)
	}
	return []frame{{binary: kind == websocket.MessageBinary, data: b}}, nil
}

// expect reads one frame that must be s.
func (l *link) expect(ctx context.Context, s string) error {
	fs, err := l.read(ctx)
	if err == nil && !fs[0].is(s) {
		return fmt.Errorf("%w: %.20q instead of %q", ErrProtocol, fs[0].data, s)
	}
	return err
}

// readError gives a websocket's end the name that callers know.
func (l *link) readError(err error) error {
	if stalled := l.stalled.Load(); stalled != nil {
		return *stalled
	}
	switch code := websocket.CloseStatus(err); {
	case errors.Is(err, websocket.ErrMessageTooBig):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case code == websocket.StatusMessageTooBig:
		return fmt.Errorf("%w for the peer: %w", ErrTooLarge, err)
	case code == websocket.StatusNormalClosure, code == websocket.StatusGoingAway, code == websocket.StatusNoStatusRcvd:
		return fmt.Errorf("%w by the peer: %w", ErrClosed, err)
	}
	return fmt.Errorf("websocket: %w", err)
}

// write writes frames. CLOSE is followed by the websocket's own farewell, which waits for the peer's; for that a
// read must be under way, whose context bounds the wait.
func (l *link) write(ctx context.Context, fs []frame) error {
	for _, f := range fs {
		if err := l.writeOne(ctx, f); err != nil {
			return err
		}
		if f.is("1") {
			l.conn.Close(websocket.StatusNormalClosure, "")
		}
	}
	return nil
}

func (l *link) writeOne(ctx context.Context, f frame) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(l.timeout, func() {
		err := fmt.Errorf("websocket: peer took nothing for %v: %w", l.timeout, os.ErrDeadlineExceeded)
		l.stalled.Store(&err)
		cancel(err)
	})
	defer stall.Stop()
	err := l.writeFragments(ctx, f, func() { stall.Reset(l.timeout) })
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("websocket: %w", err)
}

func (l *link) writeFragments(ctx context.Context, f frame, progress func()) error {
	kind := websocket.MessageText
	if f.binary {
		kind = websocket.MessageBinary
	}
	if len(f.data) <= fragment {
		return l.conn.Write(ctx, kind, f.data)
	}
	w, err := l.conn.Writer(ctx, kind)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(f.data, fragment) {
		if _, err := w.Write(part); err != nil {
			return err
		}
		progress()
	}
	return w.Close()
}

func (l *link) close() { l.conn.CloseNow() }
