package http

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

const (
	// maxPools bounds the sets of connections that are kept: a request with other timeouts, another proxy or other
	// roots needs connections of its own.
	maxPools       = 8
	maxIdle        = 16
	maxHeaderBytes = 256 << 10
	idleTimeout    = time.Minute
	// pingAfter and pingTimeout find out that an HTTP/2 connection, which is shared by many requests, is dead.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
)

// settings are what a connection is made by.
type settings struct {
	connect, tls, header time.Duration
	// proxy is an address, "" for none, or fromEnvironment.
	proxy string
	ca    [sha256.Size]byte
}

const fromEnvironment = "environment"

type pool struct {
	settings
	*nethttp.Transport
}

// transport finds or makes the connections for a request's settings.
func (m *module) transport(opts *options) (*nethttp.Transport, error) {
	want := settings{
		connect: opts.ConnectTimeout, tls: opts.TLSTimeout, header: opts.HeaderTimeout,
		proxy: fromEnvironment, ca: sha256.Sum256([]byte(opts.CA)),
	}
	proxy := m.proxyOfEnvironment
	if opts.Proxy != nil {
		address, err := m.proxyAddress(*opts.Proxy)
		if err != nil {
			return nil, err
		}
		want.proxy, proxy = *opts.Proxy, nethttp.ProxyURL(address)
	}
	if found := m.findPool(want); found != nil {
		return found, nil
	}
	roots, err := roots(opts.CA)
	if err != nil {
		return nil, err
	}
	made := m.newTransport(want, proxy, roots)
	if dropped := m.addPool(pool{want, made}); dropped != nil {
		dropped.CloseIdleConnections()
	}
	return made, nil
}

func (m *module) findPool(want settings) *nethttp.Transport {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.pools, func(p pool) bool { return p.settings == want })
	if i < 0 {
		return nil
	}
	found := m.pools[i]
	m.pools = slices.Insert(slices.Delete(m.pools, i, i+1), 0, found)
	return found.Transport
}

// addPool keeps a new pool and gives the one that has to go for it, if one has to. Two calls that make the same pool
// at a time both keep theirs; the second is not found again and goes in its turn.
func (m *module) addPool(p pool) (dropped *nethttp.Transport) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pools = slices.Insert(m.pools, 0, p)
	if len(m.pools) <= maxPools {
		return nil
	}
	dropped = m.pools[maxPools].Transport
	m.pools = m.pools[:maxPools]
	return dropped
}

type proxyFunc = func(*nethttp.Request) (*url.URL, error)

func (m *module) newTransport(s settings, proxy proxyFunc, roots *x509.CertPool) *nethttp.Transport {
	dialer := m.dialer
	dialer.Timeout = s.connect
	return &nethttp.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return m.dial(ctx, &dialer, network, address)
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    s.tls,
		ResponseHeaderTimeout:  s.header,
		MaxResponseHeaderBytes: maxHeaderBytes,
		Proxy:                  proxy,
		OnProxyConnectResponse: proxyAnswer,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &nethttp.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		MaxIdleConns:           maxIdle,
		IdleConnTimeout:        idleTimeout,
	}
}

// roots are the system's and those of the option; nil stands for the system's alone.
func roots(ca string) (*x509.CertPool, error) {
	if ca == "" {
		return nil, nil
	}
	all, err := x509.SystemCertPool()
	if err != nil {
		all = x509.NewCertPool() // a machine without roots of its own
	}
	if !all.AppendCertsFromPEM([]byte(ca)) {
		return nil, bindings.Fail("tls", "option ca: there is no certificate in it")
	}
	return all, nil
}

// proxyAddress reads the option; nil stands for no proxy. A role's own proxy is a host that it dials, so it needs the
// grant for it.
func (m *module) proxyAddress(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || !plainHost(u.Hostname()) {
		return nil, bindings.Fail("proxy", "option proxy: it is not the url of a proxy")
	}
	if !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, bindings.Fail("proxy", `option proxy: %q is not "http", "https", "socks5" or "socks5h"`, u.Scheme)
	}
	return u, m.host.Allow(grant, strings.ToLower(u.Hostname()))
}

func (m *module) proxyOfEnvironment(req *nethttp.Request) (*url.URL, error) {
	u, err := m.environment(req)
	if err != nil {
		return nil, bindings.Fail("proxy", "the environment does not name a proxy as it should")
	}
	return u, nil
}

// proxyAnswer is what a proxy says to being asked for a connection through it.
func proxyAnswer(_ context.Context, _ *url.URL, _ *nethttp.Request, resp *nethttp.Response) error {
	if resp.StatusCode != nethttp.StatusOK {
		return bindings.Fail("proxy", "the proxy answered %q", resp.Status)
	}
	return nil
}

// dial makes a connection that ends with the role at the latest, in whatever hands it is by then.
func (m *module) dial(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.busy.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.life, cancel)()
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	t := &tracked{Conn: conn, m: m}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns[t] = struct{}{}
	return t, nil
}

// tracked is a connection that the module knows of until it is closed.
type tracked struct {
	net.Conn
	m *module
}

// Close closes the connection.
func (t *tracked) Close() error {
	t.m.mu.Lock()
	delete(t.m.conns, t)
	t.m.mu.Unlock()
	return t.Conn.Close()
}
