package socketio

import (
	"context"
	"fmt"
)

// outgoing is one message on its way to the writer; once it was written, sent has how many pings were answered before.
type outgoing struct {
	frames []frame
	sent   chan int
}

// send hands frames to the writer and waits until they are written.
func (c *Conn) send(ctx context.Context, fs []frame) error {
	_, err := c.write(ctx, fs)
	return err
}

// write is send that also says how many pings were answered before.
func (c *Conn) write(ctx context.Context, fs []frame) (answered int, err error) {
	if err := c.fits(fs); err != nil {
		return 0, err
	}
	o := outgoing{frames: fs, sent: make(chan int, 1)}
	select {
	case c.out <- o:
	case <-ctx.Done():
		return 0, c.unsent(ctx)
	case <-c.leaving:
		return 0, ErrClosed
	case <-c.ctx.Done():
		return 0, c.unsent(ctx)
	}
	select {
	case answered = <-o.sent:
		return answered, nil
	case <-ctx.Done():
	case <-c.ctx.Done():
	}
	select {
	case answered = <-o.sent: // it was the last thing that went
		return answered, nil
	default:
		return 0, c.unsent(ctx)
	}
}

// unsent is why something was not sent: the session's end, or that of the caller's context.
func (c *Conn) unsent(ctx context.Context) error {
	if c.ctx.Err() != nil {
		return ended(c.ctx)
	}
	return ctx.Err()
}

func (c *Conn) fits(fs []frame) error {
	for _, f := range fs {
		n := int64(len(f.data))
		if c.cfg.Polling {
			n = f.polled()
		}
		if n > c.limit {
			return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, n, c.limit)
		}
	}
	if n := size(fs); n > c.cfg.MaxPayload {
		return fmt.Errorf("%w: %d bytes with attachments, at most %d", ErrTooLarge, n, c.cfg.MaxPayload)
	}
	return nil
}

// writeLoop writes what is to be sent until ctx ends.
func (c *Conn) writeLoop(ctx context.Context, t transport) {
	for {
		fs, sent, last := c.next(ctx)
		if len(fs) == 0 {
			return
		}
		if err := t.write(c.ctx, fs); err != nil {
			c.fail(err)
			return
		}
		if fs[0].is(pong) {
			c.pings.answer()
		}
		for _, s := range sent {
			s <- c.pings.answered()
		}
		if last {
			c.cancel(ErrClosed)
			return
		}
	}
}

// next waits for what to write: the answer to a ping first, the farewell last, nothing once ctx has ended.
func (c *Conn) next(ctx context.Context) (fs []frame, sent []chan int, last bool) {
	select {
	case <-c.pong:
		return []frame{text(pong)}, nil, false
	default:
	}
	select {
	case <-c.pong:
		return []frame{text(pong)}, nil, false
	case <-c.leaving:
		p := packet{kind: kindDisconnect, namespace: c.cfg.Namespace, id: noID}
		return append(p.frames(), text("1")), nil, true
	case <-ctx.Done():
		return nil, nil, false
	case o := <-c.out:
		fs, sent = o.frames, append(sent, o.sent)
	}
	for len(fs) < payloadFrames && size(fs) < payloadBatch {
		select {
		case o := <-c.out:
			fs, sent = append(fs, o.frames...), append(sent, o.sent)
		default:
			return fs, sent, false
		}
	}
	return fs, sent, false
}
