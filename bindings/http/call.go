package http

import (
	"context"
	"crypto/tls"
	nethttp "net/http"
	"net/http/httptrace"
	"strings"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// call is one request of a role, over all the hops that it takes.
type call struct {
	*module
	opts      *options
	transport *nethttp.Transport
	cancel    context.CancelCauseFunc

	mu        sync.Mutex
	handshake error // how the last TLS handshake that was made for the call failed
}

// run carries the call out. When it returns, nothing reads the role's files any more.
func (c *call) run(ctx context.Context, req *nethttp.Request) (*answer, error) {
	ctx, done := c.within(ctx)
	defer done()
	if file, ok := req.Body.(*upload); ok {
		defer func() {
			c.cancel(nil)
			<-file.done // the transport closes it, at the latest now that the call is cancelled
		}()
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeDone: c.handshakeDone})
	resp, err := c.follow(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	got, err := c.receive(resp)
	if err != nil {
		return nil, c.failure(resp.Request, err)
	}
	return got, nil
}

// within bounds the call by its own timeout and by the life of the role.
func (c *call) within(ctx context.Context) (context.Context, func()) {
	ctx, c.cancel = context.WithCancelCause(ctx)
	forget := context.AfterFunc(c.life, func() { c.cancel(bindings.Fail("cancelled", "the role has ended")) })
	stop := func() {}
	if t := c.opts.Timeout; t > 0 {
		ctx, stop = context.WithTimeoutCause(ctx, t, bindings.Fail("timeout", "not done within %v", t))
	}
	return ctx, func() {
		stop()
		forget()
		c.cancel(nil)
	}
}

func (c *call) handshakeDone(_ tls.ConnectionState, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handshake = err
}

// follow sends the request, and goes where it is sent on to. Its answer's body is open.
func (c *call) follow(req *nethttp.Request) (*nethttp.Response, error) {
	for hops := 0; ; hops++ {
		resp, err := c.send(req)
		if err != nil {
			return nil, err
		}
		next, err := c.next(req, resp, hops)
		if err != nil {
			_ = resp.Body.Close()
			return nil, c.failure(req, err)
		}
		if next == nil {
			return resp, nil
		}
		drain(resp.Body)
		req = next
	}
}

// send makes one hop, after asking whether the role may go there.
func (c *call) send(req *nethttp.Request) (*nethttp.Response, error) {
	if err := c.host.Allow(grant, strings.ToLower(req.URL.Hostname())); err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as the transport would have done
		}
		return nil, err
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, c.failure(req, err)
	}
	if resp.StatusCode == nethttp.StatusProxyAuthRequired && c.proxied(req) {
		_ = resp.Body.Close()
		return nil, c.failure(req, bindings.Fail("proxy", "the proxy answered %q", resp.Status))
	}
	return resp, nil
}

func (c *call) proxied(req *nethttp.Request) bool {
	proxy, err := c.transport.Proxy(req)
	return err == nil && proxy != nil
}
