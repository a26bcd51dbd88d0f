package socketio

import (
	"context"
	"fmt"
	"time"
)

// send queues frames for the peer; while the queue is full it waits.
func (x *session) send(ctx context.Context, fs []frame) error {
	if err := x.fits(fs); err != nil {
		return err
	}
	if x.out.push(fs, size(fs), ctx.Done(), x.ctx.Done()) {
		return nil
	}
	if x.ctx.Err() != nil {
		return ended(x.ctx)
	}
	return ctx.Err()
}

// offer queues frames if there is room, or else ends the session: one that missed an event has no use.
func (x *session) offer(fs []frame) error {
	if err := x.fits(fs); err != nil {
		return err
	}
	if !x.out.tryPush(fs, size(fs)) {
		x.fail(fmt.Errorf("%w: peer is too far behind", ErrClosed))
		return ended(x.ctx)
	}
	return nil
}

func (x *session) fits(fs []frame) error {
	if n := size(fs); n > x.srv.cfg.MaxPayload {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, n, x.srv.cfg.MaxPayload)
	}
	select {
	case <-x.leaving:
		return ErrClosed
	default:
		return nil
	}
}

// leave ends the session once the peer has what waits for it, or did not take it within the grace. The farewell
// tells the peer to stay away; without one it may come back.
func (x *session) leave(farewell ...frame) {
	x.parting.Do(func() {
		x.farewell = farewell
		for _, s := range x.all() {
			s.drop()
		}
		close(x.leaving)
		time.AfterFunc(closeGrace, func() { x.cancel(ErrClosed) })
	})
}

// next waits for what to write: a ping first, the farewell last, nothing once either channel is closed. Nothing at
// the last means to go without a word.
func (x *session) next(gone, released <-chan struct{}) (fs []frame, last bool) {
	select {
	case <-x.ping:
		return []frame{text("2")}, false
	default:
	}
	select {
	case <-x.ping:
		return []frame{text("2")}, false
	case it := <-x.out.C:
		x.out.release(it)
		fs = it.value
	case <-x.leaving:
		if fs = x.more(); fs == nil {
			return x.farewell, true
		}
	case <-x.ctx.Done():
		return []frame{text("1")}, true
	case <-gone:
		return nil, false
	case <-released:
		return nil, false
	}
	for len(fs)+1+sendAttachments <= payloadFrames && size(fs) < payloadBatch {
		more := x.more()
		if more == nil {
			break
		}
		fs = append(fs[:len(fs):len(fs)], more...) // a broadcast's frames are shared
	}
	return fs, false
}

// more returns a message that waits now, or nil.
func (x *session) more() []frame {
	select {
	case it := <-x.out.C:
		x.out.release(it)
		return it.value
	default:
		return nil
	}
}
