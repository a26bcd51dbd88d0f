package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// What a doctor asks of a Client, one step after the other. None of it enrolls, spends a code or believes more than
// every other call.

// Way is where the calls go: the Engine, and the proxy before it, nil for none.
func (c *Client) Way() (base, proxy *url.URL, err error) {
	if c.door.proxy == nil {
		return c.base, nil, nil
	}
	request, err := http.NewRequest(http.MethodGet, c.base.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	proxy, err = c.door.proxy(request)
	return c.base, proxy, err
}

// errSeen ends a handshake of which only the certificates were wanted.
var errSeen = errors.New("the certificates were seen")

// Presented is the certificates of whoever answers at the Engine's address. Nothing is believed of them, and nothing is
// said to who presents them: the handshake is broken off.
func (c *Client) Presented(ctx context.Context) (chain []*x509.Certificate, err error) {
	conf := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, VerifyConnection: func(cs tls.ConnectionState) error {
		chain = cs.PeerCertificates
		return errSeen
	}}
	transport := &http.Transport{Proxy: c.door.proxy, DialContext: c.cfg.Dial, TLSClientConfig: conf, DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := transport.RoundTrip(request)
	switch {
	case errors.Is(err, errSeen):
		return chain, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, withoutURL(err))
	}
	return nil, errors.Join(errors.New("there was no TLS handshake"), answer.Body.Close())
}

// Visit gets a page of the Engine without credentials, over the way and with the trust that all calls have. Of the
// page, the first 64 KiB are read.
func (c *Client) Visit(ctx context.Context, path string) (status int, page []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.base.String(), "/")+path, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header = c.header("")
	sent := c.cfg.Now()
	answer, err := c.door.http().Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("get %q: %w: %w", path, unreachable(err), withoutURL(err))
	}
	defer answer.Body.Close()
	c.clock.read(answer.Header.Get("Date"), sent, c.cfg.Now())
	if page, err = io.ReadAll(io.LimitReader(answer.Body, maxFailure)); err != nil {
		return 0, nil, fmt.Errorf("get %q: %w: %w", path, ErrUnreachable, err)
	}
	return answer.StatusCode, page, nil
}

// Refresh asks for a new access token, however fresh the held one is.
func (c *Client) Refresh(ctx context.Context) error {
	_, err := c.token(ctx, c.held().Access)
	return err
}
