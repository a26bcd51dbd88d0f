package socketio

import (
	"io"
	"time"
)

// watchdog ends a session from which nothing was heard for too long. Any byte counts: on a slow line a ping may
// wait behind a large message that is still arriving.
type watchdog struct {
	after time.Duration
	timer *time.Timer // nil before start
}

// start calls bite once nothing was heard for that long.
func (w *watchdog) start(after time.Duration, bite func()) {
	w.after, w.timer = after, time.AfterFunc(after, bite)
}

func (w *watchdog) heard() {
	if w.timer != nil {
		w.timer.Reset(w.after)
	}
}

// pause stops the clock until the next heard: while what came is being handled, silence is nobody's fault.
func (w *watchdog) pause() { w.timer.Stop() }

// listener is a reader that tells for each piece that it arrived.
type listener struct {
	io.Reader
	heard func()
}

func (l listener) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if n > 0 {
		l.heard()
	}
	return n, err
}
