package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// maxRead bounds what one read gives, and so what a peer can make a role hold.
const maxRead = 16 << 20

// conn is a connection in the tunnel.
type conn struct {
	net.Conn
	after func(time.Duration, func()) func() bool

	reading sync.Mutex // one read at a time
	buffer  []byte     // read and not given out
	ended   error      // why nothing more comes
}

func (m *module) dial(ctx context.Context, port int, opts acceptOptions) (*bindings.Handle, error) {
	s, err := m.current("dial", port)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if opts.Timeout > 0 {
		defer m.host.AfterFunc(opts.Timeout, cancel)()
	}
	inner, err := s.Dial(ctx, port)
	if err != nil {
		return nil, bindings.Fail("unreachable", "port %d of the Engine: %w", port, err)
	}
	return &bindings.Handle{Type: connType, Value: &conn{Conn: inner, after: m.host.AfterFunc}}, nil
}

type readOptions struct {
	Timeout  time.Duration `lua:"timeout" default:"0"`
	MaxBytes int           `lua:"max_bytes" default:"65536"`
}

func read(ctx context.Context, c *conn, opts readOptions) (*string, error) {
	return c.next(ctx, opts, func(buffer []byte) (give, skip int, err error) {
		return min(len(buffer), opts.MaxBytes), 0, nil
	})
}

func readLine(ctx context.Context, c *conn, opts readOptions) (*string, error) {
	return c.next(ctx, opts, func(buffer []byte) (give, skip int, err error) {
		i := bytes.IndexByte(buffer, '\n')
		if i > opts.MaxBytes || i < 0 && len(buffer) > opts.MaxBytes {
			return 0, 0, bindings.Fail("limit", "the line is longer than %d bytes", opts.MaxBytes)
		}
		return max(i, 0), i + 1 - max(i, 0), nil
	})
}

// next reads until cut finds something in the buffer: so many bytes to give, and so many after them to skip. At the end
// the rest is given, and then nothing.
func (c *conn) next(ctx context.Context, opts readOptions, cut func([]byte) (give, skip int, err error)) (*string, error) {
	if opts.MaxBytes < 1 || opts.MaxBytes > maxRead {
		return nil, bindings.Misused("option max_bytes: %d is not between 1 and %d", opts.MaxBytes, maxRead)
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	late, disarm := alarm(c.after, opts.Timeout)
	defer disarm()
	for {
		give, skip, err := cut(c.buffer)
		if err != nil {
			return nil, err
		}
		if give+skip == 0 && c.ended != nil {
			give = len(c.buffer)
		}
		if give+skip > 0 {
			text := string(c.buffer[:give])
			c.buffer = c.buffer[give+skip:]
			return &text, nil
		}
		if errors.Is(c.ended, io.EOF) {
			return nil, nil
		}
		if c.ended != nil {
			return nil, bindings.Fail("closed", "connection: %w", c.ended)
		}
		if err := c.fill(ctx, late); err != nil {
			return nil, err
		}
	}
}

// fill reads what comes next into the buffer. A read that is given up leaves the connection as it is.
func (c *conn) fill(ctx context.Context, late chan struct{}) error {
	given := make(chan error, 1)
	chunk := make([]byte, 32<<10)
	var n int
	go func() {
		var err error
		n, err = c.Read(chunk)
		given <- err
	}()
	var givenUp error
	select {
	case err := <-given:
		c.buffer = append(c.buffer, chunk[:n]...)
		c.ended = err
		return nil
	case <-late:
		givenUp = bindings.Fail("timeout", "nothing came in time")
	case <-ctx.Done():
		givenUp = ctx.Err()
	}
	c.SetReadDeadline(time.Unix(1, 0))
	err := <-given
	c.SetReadDeadline(time.Time{})
	c.buffer = append(c.buffer, chunk[:n]...)
	var timeout net.Error
	if err != nil && !(errors.As(err, &timeout) && timeout.Timeout()) {
		c.ended = err
	}
	return givenUp
}

func write(ctx context.Context, c *conn, data []byte) error {
	stop := context.AfterFunc(ctx, func() { c.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := c.Write(data); err != nil {
		if ctx.Err() != nil {
			c.Close() // a part of the data may have gone
			return ctx.Err()
		}
		return bindings.Fail("closed", "connection: %w", err)
	}
	return nil
}
