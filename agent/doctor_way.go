package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
)

const (
	nearEnd = 14 * 24 * time.Hour // of a certificate
	farOff  = time.Minute         // of a clock
)

// server reads the Engine's address.
func (x *exam) server(context.Context) finding {
	text, err := x.agent.tree.ServerURL()
	if err != nil {
		return failure(err, "correct BOREALIS_SERVER_URL or server_url.txt")
	}
	return fine("%s", text)
}

// trust prepares the way as the agent does, without going it.
func (x *exam) trust(ctx context.Context) finding {
	if err := x.agent.openEngine(ctx, x.cmd.run()); err != nil {
		return failure(err, "")
	}
	s := x.agent.engine.Status()
	switch {
	case s.Trust == engine.TrustFirstUse:
		return warn("whoever answers first is trusted", "--engine-fingerprint names the Engine's certificate instead")
	case s.Trust == engine.TrustNone:
		return warn("plain http on this machine", "")
	case s.BundleRefused:
		return warn(string(s.Trust)+"; the Engine's own bundle does not fit its connection", "have the proxy in front of the Engine pass TLS through, or leave it")
	}
	return fine("%s", s.Trust)
}

func (x *exam) proxy(context.Context) finding {
	_, proxy, err := x.agent.engine.Way()
	switch {
	case err != nil:
		return failure(err, "correct the setting proxy, or HTTPS_PROXY and NO_PROXY")
	case proxy == nil:
		return fine("none")
	}
	return fine("%s", proxy.Redacted())
}

// next is the address that the way leads to first: the proxy's, else the Engine's.
func (x *exam) next() (host, port string) {
	to, proxy, err := x.agent.engine.Way()
	if err == nil && proxy != nil {
		to = proxy
	}
	if port = to.Port(); port == "" {
		port = defaultPort(to)
	}
	return to.Hostname(), port
}

func defaultPort(u *url.URL) string {
	switch u.Scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return "1080" // SOCKS
}

func (x *exam) dns(ctx context.Context) finding {
	host, _ := x.next()
	if net.ParseIP(host) != nil {
		return fine("%s is an address", host)
	}
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return wrong(err.Error(), "correct the name in the URL, or this machine's name servers")
	}
	return fine("%s is %s", host, strings.Join(found, ", "))
}

func (x *exam) tcp(ctx context.Context) finding {
	host, port := x.next()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return wrong(err.Error(), "see that the Engine runs, and that no firewall is in between")
	}
	from := c.LocalAddr()
	if err := c.Close(); err != nil {
		return failure(err, "")
	}
	return fine("%s reaches %s", from, net.JoinHostPort(host, port))
}

// certificate looks at what whoever answers presents; whether that is to be trusted, tls says.
func (x *exam) certificate(ctx context.Context) finding {
	base, _, err := x.agent.engine.Way()
	if err != nil || base.Scheme != "https" {
		return fine("plain http: there is none")
	}
	chain, err := x.agent.engine.Presented(ctx)
	if err != nil {
		return failure(err, "see that the Engine, and not something else, answers at this address with TLS 1.2 or newer")
	}
	if len(chain) == 0 {
		return wrong("none was presented", "see that the Engine answers at this address")
	}
	leaf := chain[0]
	seen := fmt.Sprintf("%s, by %s, for %s, from %s to %s, sha256:%x", leaf.Subject, leaf.Issuer, strings.Join(namesOf(leaf), " "),
		clock(leaf.NotBefore), clock(leaf.NotAfter), sha256.Sum256(leaf.Raw))
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		return wrong(seen+": it has expired", "renew the Engine's certificate; or correct this machine's clock, which says "+clock(now))
	case now.Before(leaf.NotBefore):
		return wrong(seen+": it is not valid yet", "correct this machine's clock, which says "+clock(now))
	case leaf.NotAfter.Sub(now) < nearEnd:
		return warn(seen+": it expires soon", "renew the Engine's certificate")
	}
	return fine("%s", seen)
}

// namesOf are the names and addresses that a certificate is for.
func namesOf(cert *x509.Certificate) []string {
	names := append([]string{}, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = []string{"nobody"}
	}
	return names
}

// tls goes the whole way with the trust that the agent has.
func (x *exam) tls(ctx context.Context) finding {
	status, _, err := x.agent.engine.Visit(ctx, "/health")
	if errors.Is(err, engine.ErrUntrusted) {
		_, why, _ := strings.Cut(err.Error(), engine.ErrUntrusted.Error()) // its general mend is worth less than ours
		return wrong("the Engine's certificate is not trusted"+why, x.untrusted(err))
	}
	if err != nil {
		return failure(err, "see the Engine's log, and those of what is in between")
	}
	seen := fmt.Sprintf("verified against what is trusted (%s), HTTP %d", x.agent.engine.Status().Trust, status)
	if status != 200 {
		return warn(seen+" at /health", "see that the Engine, and not something before it, answers at this address")
	}
	return fine("%s", seen)
}

// untrusted is what to do about a certificate that is not taken.
func (x *exam) untrusted(err error) string {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return "name the Engine in its URL as its certificate does (" + strings.Join(namesOf(name.Certificate), " ") + "), or have it made for " + name.Host
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the Engine's certificate; or correct this machine's clock, which says " + clock(time.Now())
	}
	if x.agent.engine.Status().Trust == engine.TrustPinned {
		return "if the Engine was made anew on purpose: delete server_certificate.pem and engine_trust.json in Trusted_Server_Cert and enroll again; " +
			"if not, somebody else answers"
	}
	return "if the fingerprint above is the Engine's, give it with --engine-fingerprint, or its root with --engine-ca; if not, somebody else answers"
}

func (x *exam) clock(context.Context) finding {
	skew := x.agent.engine.ClockSkew()
	if skew.Abs() > farOff {
		return warn(fmt.Sprintf("the Engine's is ahead by %v", skew.Round(time.Second)), "have this machine's and the Engine's clock set by a time server")
	}
	return fine("agrees with the Engine's")
}

// token asks for an access token, which is then forgotten: the refresh token stays as good as it was.
func (x *exam) token(ctx context.Context) finding {
	if !x.enrolled {
		return warn("the device is not enrolled", "start the agent with an enrollment code and approve the device at the Engine")
	}
	if err := x.agent.engine.Refresh(ctx); err != nil {
		return failure(err, "if the Engine refuses the device for good, start the agent with a new enrollment code")
	}
	return fine("the Engine gives the device a new one")
}

// socket opens a Socket.IO session and leaves it at that: nobody is registered over it.
func (x *exam) socket(ctx context.Context) finding {
	status, page, err := x.agent.engine.Visit(ctx, "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		return failure(err, "")
	}
	if status != 200 || !bytes.HasPrefix(page, []byte("0{")) {
		return wrong(fmt.Sprintf("HTTP %d, and no Socket.IO handshake", status), "have what is in front of the Engine pass /socket.io/ on, websockets too")
	}
	return fine("Socket.IO answers")
}
