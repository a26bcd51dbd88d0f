package socketio

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// maxNamespaces bounds what one session can make the server keep.
const maxNamespaces = 16

func (x *session) message(f frame) error {
	p, complete, err := x.join.add(f)
	if err != nil || !complete {
		return err
	}
	s := x.socket(p.namespace)
	switch {
	case p.kind == kindConnect && s == nil:
		return x.connect(p)
	case p.kind == kindConnectError:
		return fmt.Errorf("%w: CONNECT_ERROR from a client", ErrProtocol)
	case p.kind == kindConnect, s == nil:
		return nil // connected already, or has left
	case p.kind == kindDisconnect:
		x.remove(s)
		s.cancel(fmt.Errorf("%w by the peer: namespace %q", ErrClosed, p.namespace))
		return nil
	}
	return s.end.receive(p, x.join.size)
}

// connect answers a request for a namespace.
func (x *session) connect(p packet) error {
	answer := packet{kind: kindConnect, namespace: p.namespace, id: noID}
	if refusal := x.authorize(p); refusal != nil {
		answer.kind = kindConnectError
		var err error
		if answer.data, err = encodeJSON(refusal); err != nil {
			return fmt.Errorf("refusal: %w", err)
		}
		return x.send(x.ctx, answer.frames())
	}
	s := newSocket(x, p.namespace)
	answer.data, _ = json.Marshal(map[string]string{"sid": s.id})
	if err := x.send(x.ctx, answer.frames()); err != nil {
		return err
	}
	x.add(s)
	x.srv.wg.Go(s.serve)
	return nil
}

func (x *session) socket(namespace string) *Socket {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sockets[namespace]
}

func (x *session) all() []*Socket {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Collect(maps.Values(x.sockets))
}

func (x *session) count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.sockets)
}

func (x *session) add(s *Socket) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sockets[s.end.namespace] = s
	x.idle.Stop()
}

// remove forgets s and reports whether it was the session's last.
func (x *session) remove(s *Socket) (last bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sockets[s.end.namespace] != s {
		return false
	}
	delete(x.sockets, s.end.namespace)
	if last = len(x.sockets) == 0; last {
		x.idle.Reset(x.srv.cfg.ConnectTimeout)
	}
	return last
}

// refusalOf is what the peer learns of an error of Authorize.
func refusalOf(err error) *ConnectError {
	var refusal *ConnectError
	if errors.As(err, &refusal) {
		return refusal
	}
	return &ConnectError{Message: err.Error()}
}

// authorize asks whether the session may connect to a namespace.
func (x *session) authorize(p packet) *ConnectError {
	if x.count() >= maxNamespaces {
		return &ConnectError{Message: fmt.Sprintf("more than %d namespaces", maxNamespaces)}
	}
	if x.srv.cfg.Authorize == nil {
		return nil
	}
	if err := x.srv.cfg.Authorize(x.req, p.namespace, p.data); err != nil {
		return refusalOf(err)
	}
	return nil
}
