package ipc

import (
	"context"
	"errors"
)

// serve starts the work of one call from the other side, or refuses it when too much is under way.
func (p *Peer) serve(ctx context.Context, f frame) {
	ctx, ok := p.enter(ctx, f.ID)
	if !ok {
		p.spawn(func() { p.refuse(f.ID, &Failure{Code: "busy", Message: "too many calls are under way"}) })
		return
	}
	work := p.cfg.Handle(ctx, Call{Name: f.Name, body: f.Body, codec: p.cfg.Codec})
	p.spawn(func() {
		defer p.leave(f.ID)
		p.answer(f.ID, work)
	})
}

func (p *Peer) enter(ctx context.Context, id uint64) (context.Context, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.serving) >= p.cfg.MaxCalls || p.serving[id] != nil {
		return nil, false
	}
	ctx, cancel := context.WithCancel(ctx)
	p.serving[id] = cancel
	return ctx, true
}

func (p *Peer) leave(id uint64) {
	p.cancel(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.serving, id)
}

func (p *Peer) cancel(id uint64) {
	p.mu.Lock()
	cancel := p.serving[id]
	p.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// answer sends what the work gave. An answer that cannot be sent is answered with the reason, so that the caller
// never waits for nothing.
func (p *Peer) answer(id uint64, work func() (any, error)) {
	out, err := work()
	if err != nil {
		p.refuse(id, failure(err))
		return
	}
	body, err := p.cfg.Codec.enc.Marshal(out)
	if err == nil {
		err = p.send(context.Background(), frame{ID: id, Kind: kindReply, Body: body})
	}
	if err != nil && !errors.Is(err, ErrClosed) {
		p.refuse(id, &Failure{Code: "unsendable", Message: err.Error()})
	}
}

func (p *Peer) refuse(id uint64, f *Failure) {
	const cap = 64 << 10 // a message for people; a longer one helps nobody
	if len(f.Message) > cap {
		f.Message = f.Message[:cap]
	}
	if body, err := p.cfg.Codec.enc.Marshal(f); err == nil {
		// A conversation that cannot carry even the refusal is over; Run says so.
		_ = p.send(context.Background(), frame{ID: id, Kind: kindFailure, Body: body})
	}
}

func failure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return &Failure{Code: "failed", Message: err.Error()}
}
