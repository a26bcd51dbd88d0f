package socketio

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
)

// Socket is the server's end of one client's connection with one namespace. Its methods may be called from many
// goroutines.
type Socket struct {
	id      string
	session *session
	end     *endpoint
	cancel  context.CancelCauseFunc
	leaving chan struct{} // closed when nothing more is wanted from the peer
	parting sync.Once
}

func newSocket(x *session, namespace string) *Socket {
	s := &Socket{id: rand.Text(), session: x, leaving: make(chan struct{})}
	ctx, cancel := context.WithCancelCause(x.ctx)
	s.cancel = cancel
	s.end = &endpoint{namespace: namespace, ctx: ctx, send: s.send, leaving: s.leaving}
	if x.srv.cfg.OnEvent != nil {
		s.end.inbox = newQueue[Message](x.srv.cfg.QueueLen, x.srv.cfg.MaxPayload)
	}
	return s
}

// serve runs the server's callbacks for this socket until it has left.
func (s *Socket) serve() {
	cfg := s.session.srv.cfg
	if cfg.OnConnect != nil {
		cfg.OnConnect(s)
	}
	if cfg.OnEvent != nil {
		s.end.deliver(func(m Message) { cfg.OnEvent(s, m) })
	}
	<-s.end.ctx.Done()
	s.session.remove(s)
	if cfg.OnDisconnect != nil {
		cfg.OnDisconnect(s, context.Cause(s.end.ctx))
	}
}

// ID returns the identifier that the server gave to this connection.
func (s *Socket) ID() string { return s.id }

// Namespace returns the namespace, such as "/".
func (s *Socket) Namespace() string { return s.end.namespace }

// Request returns the request that opened the session: its headers, its address, its TLS state. It has no body.
func (s *Socket) Request() *http.Request { return s.session.req }

// Transport returns "websocket" or "polling": what carries the session at this moment.
func (s *Socket) Transport() string {
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	return transportName(!s.session.websocket)
}

// Emit queues an event for the peer. While the queue is full it waits: at most until the peer is given up.
func (s *Socket) Emit(event string, args ...any) error {
	return s.end.emit(s.end.ctx, event, args)
}

// Call sends an event and waits for its acknowledgement.
func (s *Socket) Call(ctx context.Context, event string, args ...any) ([]json.RawMessage, error) {
	m, err := s.end.call(ctx, event, args)
	return m.Args, err
}

// CallMessage is Call for an acknowledgement that may hold binary values.
func (s *Socket) CallMessage(ctx context.Context, event string, args ...any) (Message, error) {
	return s.end.call(ctx, event, args)
}

func (s *Socket) send(ctx context.Context, fs []frame) error {
	if s.end.ctx.Err() != nil {
		return ended(s.end.ctx)
	}
	return s.session.send(ctx, fs)
}

// Close takes leave of the peer's namespace, and of the session with its last one. It waits for nothing.
func (s *Socket) Close() error {
	farewell := packet{kind: kindDisconnect, namespace: s.end.namespace, id: noID}
	s.session.offer(farewell.frames()) // if it cannot be said, the session has ended
	s.drop()
	s.cancel(ErrClosed)
	if s.session.remove(s) {
		s.session.leave(text("1"))
	}
	return nil
}

// drop says that no more events are wanted.
func (s *Socket) drop() { s.parting.Do(func() { close(s.leaving) }) }
