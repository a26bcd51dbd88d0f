// Package ipc carries calls between the core and a worker over two pipes: length-prefixed frames, capped, with
// calls in both directions at once. It promises that a peer which speaks nonsense, too much, or nothing harms only
// the conversation, and that every call ends when its context or the conversation does. It does not know what is
// said; that is agent/ipc/contract.
package ipc

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
)

// ErrClosed is returned by calls when the conversation is over.
var ErrClosed = errors.New("conversation is over")

// ErrFlood ends a conversation whose other side goes on calling and does not even read that it may not.
var ErrFlood = errors.New("more calls than are answered")

// Failure is a refusal that the other side sent in answer to a call.
type Failure struct {
	// Code is one short stable word.
	Code string `cbor:"1,keyasint"`
	// Message is for people.
	Message string `cbor:"2,keyasint"`
	// Misuse says that the caller's author made a mistake, rather than the world refusing.
	Misuse bool `cbor:"3,keyasint,omitempty"`
}

func (f *Failure) Error() string { return f.Message }

// Call is a call from the other side.
type Call struct {
	Name  string
	body  []byte
	codec Codec
}

// Decode reads the call's argument.
func (c Call) Decode(into any) error { return c.codec.dec.Unmarshal(c.body, into) }

// Handler takes a call. It is run for one call after the other, in the order in which they arrived, and must not
// block: what takes time stands in the function that it returns, which runs on a goroutine of its own.
type Handler func(ctx context.Context, c Call) (work func() (any, error))

// Config says how a peer behaves.
type Config struct {
	Codec  Codec
	Handle Handler
	// MaxFrame caps a frame both ways, and doubled what the calls of the other side come to in memory while they are under
	// way; one more is then refused as "busy". 0 means MaxFrame.
	MaxFrame int
	// Hangup is run once when reading has ended: it cuts the stream, so that no write waits for a dead peer.
	Hangup func()
	// MaxCalls caps how many calls of one name are under way at a time, so that one kind does not shut out another; of
	// all names together it is four times as many. One more is refused as "busy". 0 means 256.
	MaxCalls int
	// Busy says of a call why it is refused as busy; nil says no more than that.
	Busy func(c Call) (message string)
}

// Peer is one side of a conversation.
type Peer struct {
	cfg  Config
	r    *bufio.Reader
	w    io.Writer
	turn chan struct{} // holds one element while somebody writes

	done    chan struct{}
	working sync.WaitGroup

	mu      sync.Mutex
	ended   bool
	last    uint64
	waiting map[uint64]chan frame
	serving map[uint64]service
	named   map[string]int // how many of serving bear a name
	weight  int            // of serving together
	refused int            // calls that were refused as busy and not told so yet
}

// service is a call of the other side that is under way.
type service struct {
	name   string
	weight int
	cancel context.CancelFunc
}

// New makes one side of a conversation over r and w. Nothing is read before Run.
func New(r io.Reader, w io.Writer, cfg Config) *Peer {
	if cfg.MaxFrame == 0 {
		cfg.MaxFrame = MaxFrame
	}
	if cfg.MaxCalls == 0 {
		cfg.MaxCalls = 256
	}
	if cfg.Busy == nil {
		cfg.Busy = func(Call) string { return "too many calls are under way" }
	}
	return &Peer{
		cfg: cfg, r: bufio.NewReader(r), w: w, turn: make(chan struct{}, 1), done: make(chan struct{}),
		waiting: map[uint64]chan frame{}, serving: map[uint64]service{}, named: map[string]int{},
	}
}

// Run reads until the stream ends or breaks the rules, then ends every call both ways and waits for the work that
// they started. The error is io.EOF when the other side simply left.
func (p *Peer) Run(ctx context.Context) error {
	err := p.read(ctx)
	p.end()
	if p.cfg.Hangup != nil {
		p.cfg.Hangup()
	}
	p.working.Wait()
	return err
}

func (p *Peer) read(ctx context.Context) error {
	for {
		f, err := p.cfg.Codec.read(p.r, p.cfg.MaxFrame)
		if err != nil {
			return err
		}
		switch f.Kind {
		case kindCall:
			if err := p.serve(ctx, f); err != nil {
				return err
			}
		case kindCancel:
			p.cancel(f.ID)
		default:
			p.deliver(f)
		}
	}
}

// spawn starts a goroutine that Run waits for, or nothing when the conversation is over.
func (p *Peer) spawn(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.working.Go(f)
	}
}

func (p *Peer) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	close(p.done)
	for _, s := range p.serving {
		s.cancel()
	}
}

// Call makes a call and waits for its answer, which is stored in out unless that is nil.
func (p *Peer) Call(ctx context.Context, name string, in, out any) error {
	answer, err := p.Start(ctx, name, in)
	if err != nil {
		return err
	}
	return answer(ctx, out)
}

// Answer waits for what the other side says to a call that was started.
type Answer func(ctx context.Context, out any) error

// Start makes a call without waiting for its answer: calls reach the other side in the order in which Start
// returned. The answer must be waited for, once.
func (p *Peer) Start(ctx context.Context, name string, in any) (Answer, error) {
	body, err := p.cfg.Codec.enc.Marshal(in)
	if err != nil {
		return nil, err
	}
	id, answer, err := p.await()
	if err != nil {
		return nil, err
	}
	if err := p.send(ctx, frame{ID: id, Kind: kindCall, Name: name, Body: body}); err != nil {
		p.forget(id)
		return nil, err
	}
	return func(ctx context.Context, out any) error {
		defer p.forget(id)
		select {
		case f := <-answer:
			return p.open(f, out)
		case <-p.done:
			return ErrClosed
		case <-ctx.Done():
			p.spawn(func() { _ = p.send(context.WithoutCancel(ctx), frame{ID: id, Kind: kindCancel}) })
			return context.Cause(ctx)
		}
	}, nil
}

// Notify makes a call whose answer nobody waits for.
func (p *Peer) Notify(ctx context.Context, name string, in any) error {
	answer, err := p.Start(ctx, name, in)
	if err != nil {
		return err
	}
	p.spawn(func() { _ = answer(context.Background(), nil) })
	return nil
}

func (p *Peer) open(f frame, out any) error {
	if f.Kind == kindFailure {
		failure := &Failure{}
		if err := p.cfg.Codec.dec.Unmarshal(f.Body, failure); err != nil {
			return errors.Join(ErrFrame, err)
		}
		return failure
	}
	if out == nil {
		return nil
	}
	return p.cfg.Codec.dec.Unmarshal(f.Body, out)
}

func (p *Peer) await() (uint64, chan frame, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return 0, nil, ErrClosed
	}
	p.last++
	answer := make(chan frame, 1)
	p.waiting[p.last] = answer
	return p.last, answer, nil
}

func (p *Peer) forget(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, id)
}

// deliver hands an answer to the call that waits for it; an answer that nobody waits for is dropped.
func (p *Peer) deliver(f frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if answer, ok := p.waiting[f.ID]; ok {
		delete(p.waiting, f.ID)
		answer <- f
	}
}

// send writes one frame; it gives up waiting for its turn with ctx or the conversation.
func (p *Peer) send(ctx context.Context, f frame) error {
	select {
	case p.turn <- struct{}{}:
	case <-p.done:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.turn }()
	return p.cfg.Codec.write(p.w, f, p.cfg.MaxFrame)
}
