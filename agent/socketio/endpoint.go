package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// endpoint is one end of a connection with a namespace: what Conn and Socket have in common.
type endpoint struct {
	namespace string
	ctx       context.Context // ends with the connection; its cause is the reason
	send      func(ctx context.Context, fs []frame) error
	inbox     *queue[Message] // nil drops events
	leaving   <-chan struct{} // closed when the owner wants no more events

	mu    sync.Mutex
	next  int64
	calls map[int64]chan Message
}

func (e *endpoint) emit(ctx context.Context, event string, args []any) error {
	fs, err := encodeEvent(e.namespace, noID, event, args)
	if err != nil {
		return err
	}
	return e.send(ctx, fs)
}

// call sends an event and waits for the answer.
func (e *endpoint) call(ctx context.Context, event string, args []any) (Message, error) {
	id, answer := e.expect()
	defer e.forget(id)
	fs, err := encodeEvent(e.namespace, id, event, args)
	if err != nil {
		return Message{}, err
	}
	if err := e.send(ctx, fs); err != nil {
		return Message{}, err
	}
	select {
	case m := <-answer:
		return m, nil
	case <-ctx.Done():
		return Message{}, fmt.Errorf("event %q: no answer: %w", event, ctx.Err())
	case <-e.ctx.Done():
	}
	select {
	case m := <-answer: // it was the last thing that came
		return m, nil
	default:
		return Message{}, fmt.Errorf("event %q: no answer: %w", event, ended(e.ctx))
	}
}

func (e *endpoint) expect() (int64, <-chan Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id, answer := e.next, make(chan Message, 1)
	e.next++
	if e.calls == nil {
		e.calls = map[int64]chan Message{}
	}
	e.calls[id] = answer
	return id, answer
}

func (e *endpoint) forget(id int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.calls, id)
}

// receive takes an event or an answer from the goroutine that reads the session. While the inbox is full it waits.
func (e *endpoint) receive(p packet, weight int64) error {
	if p.kind.isAck() {
		e.answered(p)
		return nil
	}
	m, err := e.message(p)
	if err != nil || e.inbox == nil || e.inbox.tryPush(m, weight) {
		return err
	}
	e.inbox.push(m, weight, e.leaving, e.ctx.Done())
	return nil
}

func (e *endpoint) answered(p packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if answer, ok := e.calls[p.id]; ok {
		delete(e.calls, p.id) // so that the channel's one place is free
		answer <- Message{Args: p.args, Attachments: p.attached}
	}
}

func (e *endpoint) message(p packet) (Message, error) {
	m := Message{Args: p.args[1:], Attachments: p.attached}
	if err := json.Unmarshal(p.args[0], &m.Event); err != nil {
		return m, fmt.Errorf("%w: event name: %w", ErrProtocol, err)
	}
	if p.id != noID {
		m.Ack = e.acknowledger(p.id)
	}
	return m, nil
}

func (e *endpoint) acknowledger(id int64) func(...any) error {
	var done atomic.Bool
	return func(args ...any) error {
		if done.Swap(true) {
			return errors.New("acknowledgement: already given")
		}
		fs, err := encodeAck(e.namespace, id, args)
		if err != nil {
			return err
		}
		return e.send(e.ctx, fs)
	}
}

// deliver hands the events to fn one at a time until the connection ends, then those that had arrived before the
// end, unless the owner has left.
func (e *endpoint) deliver(fn func(Message)) {
	for {
		select {
		case it := <-e.inbox.C:
			e.inbox.release(it)
			fn(it.value)
		case <-e.leaving:
			return
		case <-e.ctx.Done():
			e.deliverRest(fn)
			return
		}
	}
}

func (e *endpoint) deliverRest(fn func(Message)) {
	for {
		select {
		case <-e.leaving:
			return
		default:
		}
		select {
		case it := <-e.inbox.C:
			fn(it.value)
		default:
			return
		}
	}
}

// ended is the error of what is asked of a connection that is over.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrClosed) {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrClosed, cause)
}
