package ipc

import (
	"context"
	"errors"
)

// serve starts the work of one call from the other side, or refuses it when too much is under way.
func (p *Peer) serve(ctx context.Context, f frame) error {
	call := Call{Name: f.Name, body: f.Body, codec: p.cfg.Codec}
	ctx, ok := p.enter(ctx, f)
	if !ok {
		return p.decline(f.ID, call)
	}
	work := p.cfg.Handle(ctx, call)
	p.spawn(func() {
		defer p.leave(f.ID)
		p.answer(f.ID, work)
	})
	return nil
}

func (p *Peer) enter(ctx context.Context, f frame) (context.Context, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, twice := p.serving[f.ID]; twice || len(p.serving) >= 4*p.cfg.MaxCalls {
		return nil, false
	}
	if p.named[f.Name] >= p.cfg.MaxCalls || p.weight+f.weight > maxWeight(p.cfg.MaxFrame) {
		return nil, false
	}
	ctx, cancel := context.WithCancel(ctx)
	p.serving[f.ID] = service{f.Name, f.weight, cancel}
	p.weight += f.weight
	p.named[f.Name]++
	return ctx, true
}

// decline refuses a call as busy. Each refusal waits for its turn to be written: who does not read them is cut off.
func (p *Peer) decline(id uint64, c Call) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused >= 4*p.cfg.MaxCalls {
		return ErrFlood
	}
	p.refused++
	message := p.cfg.Busy(c)
	p.working.Go(func() { // reading goes on, so nobody waits for the work yet
		p.refuse(id, &Failure{Code: "busy", Message: message})
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refused--
	})
	return nil
}

func (p *Peer) leave(id uint64) {
	p.cancel(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	name := p.serving[id].name
	p.weight -= p.serving[id].weight
	delete(p.serving, id)
	if p.named[name]--; p.named[name] == 0 {
		delete(p.named, name) // the other side chooses the names
	}
}

func (p *Peer) cancel(id uint64) {
	p.mu.Lock()
	s, ok := p.serving[id]
	p.mu.Unlock()
	if ok {
		s.cancel()
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
