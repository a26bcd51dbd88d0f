package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	nethttp "net/http"
	"slices"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// maxReason bounds how much of a reason is told: a part of it may be the server's own words.
const maxReason = 300

// failure gives an error of a hop the shape that roles meet. The url itself is not told: its path and its query often
// are secrets.
func (c *call) failure(req *nethttp.Request, err error) error {
	if cause := context.Cause(req.Context()); cause != nil {
		err = cause // what follows from being cancelled tells less than why
	}
	return bindings.Fail(c.code(err), "%s %s: %w", req.Method, req.URL.Host, shortened{err})
}

// shortened is an error whose text ends somewhere.
type shortened struct{ error }

func (s shortened) Error() string {
	text := s.error.Error()
	if len(text) > maxReason {
		return text[:maxReason] + "..."
	}
	return text
}

func (s shortened) Unwrap() error { return s.error }

func (c *call) code(err error) string {
	var told *bindings.Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &told):
		return told.Code
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case timedOut(err):
		return "timeout"
	case opOf(err, "proxyconnect", "socks connect"):
		return "proxy"
	case errors.As(err, &dns):
		return "dns"
	case refused(err):
		return "refused"
	case unreachable(err):
		return "unreachable"
	case c.untrusted(err):
		return "tls"
	case broken(err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "broken"
	}
	return "failed"
}

func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// opOf reports whether an error comes from one of these operations.
func opOf(err error, names ...string) bool {
	for op := (*net.OpError)(nil); errors.As(err, &op); err = op.Err {
		if slices.Contains(names, op.Op) {
			return true
		}
	}
	return false
}

// untrusted reports whether TLS is the trouble. Much of what a handshake fails with has no type of its own, so the
// handshake is asked too.
func (c *call) untrusted(err error) bool {
	c.mu.Lock()
	handshake := c.handshake
	c.mu.Unlock()
	var certificate *tls.CertificateVerificationError
	var hostname x509.HostnameError
	var record tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &hostname) || errors.As(err, &record) ||
		errors.Is(err, nethttp.ErrSchemeMismatch) || opOf(err, "remote error", "local error") ||
		handshake != nil && errors.Is(err, handshake)
}

func isOneOf(err error, of ...error) bool {
	return slices.ContainsFunc(of, func(e error) bool { return errors.Is(err, e) })
}
