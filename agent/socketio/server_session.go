package socketio

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// session is the server's end of one Engine.IO session. It outlives the requests that carry it.
type session struct {
	srv *Server
	id  string
	req *http.Request // that opened it

	ctx    context.Context // its cause is why the session ended
	cancel context.CancelCauseFunc
	dog    *watchdog
	idle   *time.Timer // ends a session without a namespace

	out     *queue[[]frame]
	ping    chan struct{} // a ping is to be sent
	pong    chan struct{} // its answer came
	leaving chan struct{} // closed when nothing more is to be sent than what waits, and the farewell
	parting sync.Once

	farewell []frame // set before leaving is closed

	reading sync.Mutex // held by whoever reads: the websocket, or one POST
	join    assembler

	mu        sync.Mutex
	sockets   map[string]*Socket // by namespace
	websocket bool               // it carries the session
	polled    bool               // a GET is waiting
	probing   bool               // a websocket asks to take over
	release   chan struct{}      // closed to send a waiting GET home while it does
}

func newSession(s *Server, r *http.Request) *session {
	x := &session{
		srv: s, id: rand.Text(), req: detached(r), dog: new(watchdog),
		out: newQueue[[]frame](sendQueueLen, s.cfg.MaxPayload), ping: make(chan struct{}, 1), pong: make(chan struct{}, 1),
		leaving: make(chan struct{}), join: assembler{max: s.cfg.MaxPayload},
		sockets: map[string]*Socket{}, release: make(chan struct{}),
	}
	x.ctx, x.cancel = context.WithCancelCause(context.Background())
	silence := s.cfg.PingInterval + s.cfg.PingTimeout
	x.dog.start(silence, func() { x.fail(fmt.Errorf("%w: silent for %v", ErrPingTimeout, silence)) })
	x.idle = time.AfterFunc(s.cfg.ConnectTimeout, func() { x.leave(text("1")) })
	return x
}

// fail ends the session. What goes wrong while taking leave is part of the leaving.
func (x *session) fail(err error) {
	select {
	case <-x.leaving:
		err = ErrClosed
	default:
	}
	x.cancel(err)
}

// opening returns the OPEN packet. A session born on a websocket must offer no upgrade.
func (x *session) opening(upgrades ...string) frame {
	o, _ := json.Marshal(opening{ // nothing in it can fail
		SID: x.id, Upgrades: append([]string{}, upgrades...), MaxPayload: x.srv.cfg.MaxPayload,
		PingInterval: x.srv.cfg.PingInterval.Milliseconds(), PingTimeout: x.srv.cfg.PingTimeout.Milliseconds(),
	})
	return text(string(engineOpen) + string(o))
}

// keepAlive pings the peer until the session ends: a ping follows only upon the answer to the one before, so that
// the peer can tell from it what we received.
func (x *session) keepAlive() {
	defer x.srv.forget(x)
	defer x.idle.Stop()
	defer x.dog.pause()
	for {
		select {
		case <-time.After(x.srv.cfg.PingInterval):
		case <-x.ctx.Done():
			return
		}
		select {
		case <-x.pong: // nobody asked for it
		default:
		}
		select {
		case x.ping <- struct{}{}:
		default: // the last one is not written yet
		}
		select {
		case <-x.pong:
		case <-x.ctx.Done():
			return
		}
	}
}

// handle takes one frame from whoever reads. Its error ends the session.
func (x *session) handle(f frame) error {
	if f.binary {
		return x.message(f)
	}
	kind, err := f.kind()
	if err != nil {
		return err
	}
	switch kind {
	case engineMessage:
		return x.message(frame{data: f.data[1:]})
	case enginePong:
		select {
		case x.pong <- struct{}{}:
		default:
		}
		return nil
	case engineNoop, engineUpgrade:
		return nil
	case engineClose:
		return fmt.Errorf("%w by the peer", ErrClosed)
	}
	return fmt.Errorf("%w: unexpected Engine.IO packet %q", ErrProtocol, kind)
}
