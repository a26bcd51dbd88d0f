package control

import (
	"context"
	"net"
	"sync"
	"time"
)

// bound is a connection that is hung up on when a context ends, whatever deadline would be set after that.
type bound struct {
	conn

	mu   sync.Mutex
	over bool
}

// bind binds c to ctx until release is called.
func bind(ctx context.Context, c conn) (b *bound, release func() bool) {
	b = &bound{conn: c}
	return b, context.AfterFunc(ctx, b.hangUp)
}

// SetDeadline sets the deadline of a connection that goes on.
func (b *bound) SetDeadline(t time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return net.ErrClosed
	}
	return b.conn.SetDeadline(t)
}

func (b *bound) hangUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	_ = b.conn.SetDeadline(time.Unix(1, 0))
}
