package http

import (
	"bytes"
	"io"
	"math"
	nethttp "net/http"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// maxBody bounds a body in memory when the role does not.
const maxBody = 10 << 20

// receive takes an answer in: into the role's file when it was asked for one and the server had what it wanted, else
// into memory.
func (c *call) receive(resp *nethttp.Response) (*answer, error) {
	defer func() { _ = resp.Body.Close() }()
	got := &answer{Status: resp.StatusCode, Headers: joined(resp.Header), URL: resp.Request.URL.String()}
	into, limit := io.Writer(nil), int64(maxBody)
	if c.opts.To != nil && resp.StatusCode/100 == 2 {
		into, limit = c.opts.To, math.MaxInt64-1
	}
	if c.opts.MaxBytes != nil {
		limit = *c.opts.MaxBytes
	}
	if resp.ContentLength > limit && resp.Body != nethttp.NoBody {
		return nil, tooLarge(limit)
	}
	var memory bytes.Buffer
	if into == nil {
		into = &memory
	}
	n, err := copyUpTo(into, c.unstalled(resp.Body), limit)
	got.Body, got.SizeBytes = memory.Bytes(), n
	return got, err
}

func tooLarge(limit int64) error {
	return bindings.Fail("too_large", "the body has more than %d bytes", limit)
}

// copyUpTo copies a body that may have so many bytes and not one more.
func copyUpTo(to io.Writer, from io.Reader, limit int64) (int64, error) {
	n, err := io.Copy(struct{ io.Writer }{to}, io.LimitReader(from, limit))
	if err != nil || n < limit {
		return n, err
	}
	var more [1]byte
	switch _, err := io.ReadFull(from, more[:]); err {
	case nil:
		return n, tooLarge(limit)
	case io.EOF:
		return n, nil
	default:
		return n, err
	}
}

// joined gives every header once, in lower case.
func joined(h nethttp.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		out[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return out
}

// unstalled ends the call when the body stays silent for too long.
func (c *call) unstalled(body io.Reader) io.Reader {
	longest := c.opts.StallTimeout
	if longest == 0 {
		return body
	}
	silence := bindings.Fail("timeout", "the body stalled for %v", longest)
	timer := time.AfterFunc(longest, func() { c.cancel(silence) })
	timer.Stop()
	return watched{body, timer, longest}
}

// watched runs a timer while a read waits.
type watched struct {
	io.Reader
	timer   *time.Timer
	longest time.Duration
}

func (w watched) Read(p []byte) (int, error) {
	w.timer.Reset(w.longest)
	defer w.timer.Stop()
	return w.Reader.Read(p)
}
