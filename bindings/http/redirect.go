package http

import (
	"io"
	"maps"
	nethttp "net/http"
	"net/url"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// isHarmless tells the headers that a redirect takes along to another host. Any other might be what the role
// authenticates with.
func isHarmless(header string) bool {
	switch header {
	case "Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Range", "User-Agent",
		"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range":
		return true
	}
	return false
}

// next is the request that an answer leads to; nil when the answer is for the role. Only what asks and changes nothing
// is sent again.
func (c *call) next(req *nethttp.Request, resp *nethttp.Response, hops int) (*nethttp.Request, error) {
	location := resp.Header.Get("Location")
	if c.opts.MaxRedirects == 0 || location == "" || !isRedirect(resp.StatusCode) || !resendable(req) {
		return nil, nil
	}
	if hops >= c.opts.MaxRedirects {
		return nil, bindings.Fail("redirect", "more than %d redirects", c.opts.MaxRedirects)
	}
	to, err := req.URL.Parse(location)
	if err == nil {
		to, err = parseTarget(to.String())
	}
	if err != nil {
		return nil, bindings.Fail("redirect", "redirect to a url that cannot be followed")
	}
	if req.URL.Scheme == "https" && to.Scheme != "https" {
		return nil, bindings.Fail("redirect", "redirect from https to http at %s", to.Host)
	}
	to.User = nil
	on := req.Clone(req.Context())
	on.URL = to
	if !sameServer(req.URL, to) {
		maps.DeleteFunc(on.Header, func(name string, _ []string) bool { return !isHarmless(name) })
	}
	return on, nil
}

func isRedirect(status int) bool {
	switch status {
	case nethttp.StatusMovedPermanently, nethttp.StatusFound, nethttp.StatusSeeOther,
		nethttp.StatusTemporaryRedirect, nethttp.StatusPermanentRedirect:
		return true
	}
	return false
}

func resendable(req *nethttp.Request) bool {
	asks := req.Method == nethttp.MethodGet || req.Method == nethttp.MethodHead
	return asks && (req.Body == nil || req.Body == nethttp.NoBody)
}

// sameServer reports whether a redirect stays with who was asked; the step from http to https is one that stays.
func sameServer(from, to *url.URL) bool {
	if from.Hostname() != to.Hostname() {
		return false
	}
	return port(from) == port(to) || port(from) == "80" && port(to) == "443" && to.Scheme == "https"
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// drain reads what little a redirect says besides, so that its connection can be used again.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}
