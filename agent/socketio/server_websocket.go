package socketio

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// probeTimeout is how long a websocket may take to take over a polling session.
const probeTimeout = 10 * time.Second

// serveWebsocket carries a new session over a websocket, or lets x move there.
func (s *Server) serveWebsocket(w http.ResponseWriter, r *http.Request, x *session) {
	if x != nil && !x.beginProbe() {
		refuse(w, refusedRequest)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil { // Accept has answered
		if x != nil {
			x.endProbe(false)
		}
		return
	}
	fresh := x == nil
	if fresh {
		x = s.open(r)
	}
	l := newLink(conn, s.cfg.MaxPayload, s.cfg.WriteTimeout, x.dog.heard)
	defer l.close()
	if fresh {
		x.bornOn(l)
	} else if err := x.takeOver(l); err != nil {
		return // the session goes on by polling
	}
	x.serveLink(l)
}

// bornOn opens the session on a websocket.
func (x *session) bornOn(l *link) {
	x.mu.Lock()
	x.websocket = true
	x.mu.Unlock()
	if err := l.write(x.ctx, []frame{x.opening()}); err != nil {
		x.fail(err)
	}
}

// takeOver moves the session from polling to a websocket, at the peer's request.
func (x *session) takeOver(l *link) (err error) {
	defer func() { x.endProbe(err == nil) }()
	ctx, cancel := context.WithTimeout(x.ctx, probeTimeout)
	defer cancel()
	if err := l.expect(ctx, "2probe"); err != nil {
		return err
	}
	if err := l.write(ctx, []frame{text("3probe")}); err != nil {
		return err
	}
	x.releasePoll()
	return l.expect(ctx, "5")
}

// beginProbe lets one websocket at a time ask to take over.
func (x *session) beginProbe() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.websocket || x.probing {
		return false
	}
	x.probing = true
	return true
}

// releasePoll sends the waiting GET home, and those that come while the websocket takes over: what is to be sent
// waits for the outcome.
func (x *session) releasePoll() {
	x.mu.Lock()
	defer x.mu.Unlock()
	close(x.release)
}

func (x *session) endProbe(tookOver bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.probing, x.websocket = false, tookOver
	if !tookOver {
		x.release = make(chan struct{})
	}
}

// serveLink carries the session over a websocket to its end.
func (x *session) serveLink(l *link) {
	x.reading.Lock() // after the last POST
	defer x.reading.Unlock()
	written := make(chan struct{})
	go func() {
		defer close(written)
		x.writeLoop(l)
	}()
	err := x.readLoop(l)
	x.fail(err)
	<-written
	if errors.Is(err, ErrClosed) {
		l.conn.Close(websocket.StatusNormalClosure, "") // answers the peer's farewell
	}
}

func (x *session) readLoop(l *link) error {
	for {
		x.dog.heard() // its clock runs while somebody listens
		fs, err := l.read(x.ctx)
		x.dog.pause()
		if err != nil {
			return err
		}
		for _, f := range fs {
			if err := x.handle(f); err != nil {
				return err
			}
		}
	}
}

func (x *session) writeLoop(l *link) {
	for {
		fs, last := x.next(nil, nil)
		if err := l.write(x.ctx, fs); err != nil {
			x.fail(err)
			return
		}
		if last {
			l.conn.Close(websocket.StatusGoingAway, "") // unless the farewell has closed it
			x.cancel(ErrClosed)
			return
		}
	}
}
