package enginetest

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"path/filepath"
)

// names gives the host and port that the URL shows, and the addresses that the leaf gets.
func names(cfg Config, addr net.Addr) (hostPort string, ips []net.IP) {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String(), nil
	}
	ip := net.ParseIP(host)
	local := ip == nil || ip.IsLoopback() || ip.IsUnspecified()
	if !cfg.IPSANs {
		if local {
			host = "localhost" // of the stock leaf's names the only one that an ordinary check accepts
		}
		return net.JoinHostPort(host, port), nil
	}
	ips = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	switch {
	case !local:
		ips = append(ips, ip)
	case ip == nil || ip.IsUnspecified():
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), ips
}

// URL is where the Engine is, as https://host:port: localhost unless it listens elsewhere or IPSANs is set.
func (e *Engine) URL() string { return e.url }

// RootPEM is the root certificate that issued the Engine's leaf.
func (e *Engine) RootPEM() []byte { return e.chain.root }

// RootFile is the file that holds RootPEM; empty when the Engine keeps nothing.
func (e *Engine) RootFile() string {
	if e.cfg.Dir == "" {
		return ""
	}
	return filepath.Clean(e.state.path(fileRoot))
}

// BundlePEM is the leaf and the root, as enrollment delivers them.
func (e *Engine) BundlePEM() []byte { return e.chain.bundle }

// Code is the enrollment code of the default site, made at the first start.
func (e *Engine) Code() string { return e.code }

// OperatorToken is the bearer token of the operator calls, new at each start. A folder's Engine also keeps it there.
func (e *Engine) OperatorToken() string { return e.operator }

// Client gives an HTTP client that trusts this Engine's root alone. Its idle connections are the caller's to close.
func (e *Engine) Client() *http.Client { return trusting(e.chain.root) }

func trusting(root []byte) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
}
