// Package http is the Lua module http: requests to the hosts that a role was granted. It promises that TLS is always
// verified, that every phase of a request has an end and every body a bound, and that neither a redirect nor a proxy
// takes a request, or what it authenticates with, to where the role did not send it. It serves nothing and keeps no
// cookies.
package http

import (
	"context"
	_ "embed"
	"io"
	"maps"
	"net"
	nethttp "net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

//go:embed http.lua
var face string

const grant = "http"

// Binding is the module.
var Binding = bindings.Binding{
	Name:  "http",
	Face:  face,
	Grant: grant,
	Open:  open,
}

// options are those of all three functions.
type options struct {
	Headers map[string]string `lua:"headers"`
	Query   map[string]any    `lua:"query"`

	JSON     any            `lua:"json"`
	Form     map[string]any `lua:"form"`
	Body     []byte         `lua:"body"`
	BodyFile io.Reader      `lua:"body_file"`

	To           io.Writer `lua:"to"`
	MaxBytes     *int64    `lua:"max_bytes"`
	MaxRedirects int       `lua:"max_redirects" default:"5"`

	Timeout        time.Duration `lua:"timeout" default:"30"`
	ConnectTimeout time.Duration `lua:"connect_timeout" default:"10"`
	TLSTimeout     time.Duration `lua:"tls_timeout" default:"10"`
	HeaderTimeout  time.Duration `lua:"header_timeout" default:"0"`
	StallTimeout   time.Duration `lua:"stall_timeout" default:"0"`

	Proxy *string `lua:"proxy"`
	CA    string  `lua:"ca"`
}

// answer is what a server said.
type answer struct {
	Status    int               `lua:"status"`
	Headers   map[string]string `lua:"headers"`
	Body      []byte            `lua:"body"`
	SizeBytes int64             `lua:"size_bytes"`
	URL       string            `lua:"url"`
}

// module is what one role's requests share: their connections, and their end.
type module struct {
	host bindings.Host
	// dialer makes every connection, to servers and to proxies.
	dialer net.Dialer
	// environment names the proxy for a request that does not name its own.
	environment func(*nethttp.Request) (*url.URL, error)

	life context.Context // ends with the role
	end  context.CancelFunc
	busy sync.WaitGroup // calls, and connections being made

	mu     sync.Mutex
	closed bool
	pools  []pool // the one used last comes first
	conns  map[net.Conn]struct{}
}

func newModule(host bindings.Host) *module {
	m := &module{host: host, environment: nethttp.ProxyFromEnvironment, conns: map[net.Conn]struct{}{}}
	m.life, m.end = context.WithCancel(context.Background())
	return m
}

func open(host bindings.Host) (*bindings.Instance, error) {
	return newModule(host).instance(), nil
}

func (m *module) instance() *bindings.Instance {
	return &bindings.Instance{
		Funcs: map[string]bindings.Func{
			"request": {Waits: true, Do: m.request},
			"get":     {Waits: true, Do: m.get},
			"post":    {Waits: true, Do: m.post},
		},
		Close: m.close,
	}
}

func (m *module) get(ctx context.Context, target string, opts options) (*answer, error) {
	return m.request(ctx, nethttp.MethodGet, target, opts)
}

func (m *module) post(ctx context.Context, target string, opts options) (*answer, error) {
	return m.request(ctx, nethttp.MethodPost, target, opts)
}

// request sends one request, follows where it is sent on to, and takes the answer in.
func (m *module) request(ctx context.Context, method, target string, opts options) (*answer, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.busy.Done()
	req, err := m.build(method, target, &opts)
	if err != nil {
		return nil, err
	}
	transport, err := m.transport(&opts)
	if err != nil {
		return nil, err
	}
	c := &call{module: m, opts: &opts, transport: transport}
	return c.run(ctx, req)
}

// enter counts a piece of work that close waits for. The caller says busy.Done when it is done.
func (m *module) enter() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return bindings.Fail("cancelled", "the role has ended")
	}
	m.busy.Add(1)
	return nil
}

// close ends every call and every connection of the role.
func (m *module) close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.end()
	m.busy.Wait()
	m.mu.Lock()
	pools, conns := m.pools, slices.Collect(maps.Keys(m.conns))
	m.mu.Unlock()
	for _, p := range pools {
		p.CloseIdleConnections()
	}
	for _, conn := range conns {
		_ = conn.Close() // what it still carried is of no interest to anyone
	}
	return nil
}
