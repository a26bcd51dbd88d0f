package http

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// soon is a bound that is to be reached, late one that is not.
const (
	soon = 0.1
	late = 60.0
)

func TestEveryPhaseHasAnEnd(t *testing.T) {
	r := newRole(t)
	silent := listen(t, mute).String()
	for _, c := range []struct {
		name, target, option, told string
	}{
		{"no answer about the name", "http://a.silent.test/", "connect_timeout", "i/o timeout"},
		{"no TLS", "https://" + silent, "tls_timeout", "TLS handshake timeout"},
		{"no headers", "http://" + silent, "header_timeout", "awaiting response headers"},
		{"half of the headers", "http://" + listen(t, answerWith("HTTP/1.1 200 OK\r\nContent-")).String(), "header_timeout", "awaiting response headers"},
		{"stalling body", serve(t, stall), "stall_timeout", "the body stalled for 100ms"},
		{"no headers, all in all", "http://" + silent, "timeout", "not done within 100ms"},
		{"stalling body, all in all", serve(t, stall), "timeout", "not done within 100ms"},
		{"trickling body, all in all", serve(t, trickle), "timeout", "not done within 100ms"},
		{"trickling headers, all in all", "http://" + listen(t, trickleHeaders).String(), "timeout", "not done within 100ms"},
		{"no TLS, all in all", "https://" + silent, "timeout", "not done within 100ms"},
		{"no name, all in all", "http://a.silent.test/", "timeout", "not done within 100ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bounds := opts{"timeout": late, "connect_timeout": late, "tls_timeout": late, "header_timeout": late, "stall_timeout": late}
			bounds[c.option] = soon
			if message := r.refused("timeout", "get", c.target, bounds); !strings.Contains(message, c.told) {
				t.Errorf("told %q, want %q", message, c.told)
			}
		})
	}
}

// TestOnlySilenceStalls runs on a clock of its own, which moves when all wait.
func TestOnlySilenceStalls(t *testing.T) {
	for pause, stalls := range map[time.Duration]bool{9 * time.Second: false, 11 * time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			c := &call{opts: &options{StallTimeout: 10 * time.Second}, cancel: cancel}
			body := c.unstalled(paced(pause))
			for range 5 {
				if _, err := body.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour) // what the role does with it is not the server's silence
			}
			if got := codeOf(context.Cause(ctx)) == "timeout"; got != stalls {
				t.Errorf("a byte every %v: %v", pause, context.Cause(ctx))
			}
		})
	}
}

// paced is a body that says something after each pause.
type paced time.Duration

func (p paced) Read(b []byte) (int, error) {
	time.Sleep(time.Duration(p))
	return len(b), nil
}

func stall(w nethttp.ResponseWriter, req *nethttp.Request) {
	_, _ = io.WriteString(w, "the beginning")
	w.(nethttp.Flusher).Flush()
	<-req.Context().Done()
}

func trickle(w nethttp.ResponseWriter, req *nethttp.Request) {
	for req.Context().Err() == nil {
		_, _ = io.WriteString(w, "x")
		w.(nethttp.Flusher).Flush()
		time.Sleep(time.Millisecond) // the pace of the server
	}
}

func trickleHeaders(conn net.Conn) {
	if _, err := nethttp.ReadRequest(bufio.NewReader(conn)); err != nil {
		return
	}
	_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
	for i := 0; err == nil; i++ {
		_, err = fmt.Fprintf(conn, "X-%d: x\r\n", i)
		time.Sleep(10 * time.Millisecond) // the pace of the server
	}
}

// answerWith answers any request with these bytes, and then stays silent; when they end in "!", without that, it
// hangs up.
func answerWith(text string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := nethttp.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		said, hangUp := strings.CutSuffix(text, "!")
		if _, err := io.WriteString(conn, said); err != nil || hangUp {
			return
		}
		mute(conn)
	}
}

func TestFailuresHaveCodes(t *testing.T) {
	r := newRole(t)
	by := func(text string) string { return "http://" + listen(t, answerWith(text)).String() }
	for _, c := range []struct{ name, code, target string }{
		{"nobody listens", "refused", "http://" + nobody},
		{"no such name", "dns", "http://nowhere.invalid/"},
		{"hangs up at once", "broken", by("!")},
		{"hangs up in the headers", "broken", by("HTTP/1.1 200 OK\r\nX: y\r\n!")},
		{"hangs up in the body", "broken", by("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf!")},
		{"hangs up in a chunk", "broken", by("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf!")},
		{"not HTTP", "failed", by("SSH-2.0-OpenSSH_9.2\r\n")},
		{"not gzip", "failed", by("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\nplain text as it is.")},
		{"endless headers", "failed", by("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxHeaderBytes) + "\r\n\r\n")},
		{"plain where TLS is expected", "tls", strings.Replace(serve(t, say("x")), "http:", "https:", 1)},
		{"rubbish where TLS is expected", "tls", "https://" + listen(t, babble).String()},
		{"hangs up in the handshake", "tls", "https://" + listen(t, func(net.Conn) {}).String()},
	} {
		t.Run(c.name, func(t *testing.T) { r.refused(c.code, "get", c.target) })
	}
}

func babble(conn net.Conn) {
	_, _ = conn.Read(make([]byte, 1))
	_, _ = io.WriteString(conn, strings.Repeat("rubbish ", 100))
	mute(conn)
}

func TestOnlyVerifiedTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	r := newRole(t)
	trusted := opts{"ca": ca.pem}
	for _, c := range []struct {
		name string
		leaf tls.Certificate
		opts opts
		code string
	}{
		{"as it should be", ca.leaf("a.test"), trusted, ""},
		{"one of several roots", ca.leaf("a.test"), opts{"ca": other.pem + ca.pem}, ""},
		{"root of the system alone", ca.leaf("a.test"), opts{}, "tls"},
		{"another root", other.leaf("a.test"), trusted, "tls"},
		{"another name", ca.leaf("b.test"), trusted, "tls"},
		{"another address", ca.leaf("127.0.0.1"), trusted, "tls"},
		{"expired", ca.leaf("a.test", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), trusted, "tls"},
		{"not valid yet", ca.leaf("a.test", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), trusted, "tls"},
		{"signed by itself", selfSigned(t, "a.test"), trusted, "tls"},
		{"a client's", ca.leaf("a.test", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), trusted, "tls"},
		{"no root in the option", ca.leaf("a.test"), opts{"ca": "-----BEGIN"}, "tls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			served := make(chan struct{}, 1)
			target := serveTLS(t, "a.test", c.leaf, func(nethttp.ResponseWriter, *nethttp.Request) { served <- struct{}{} })
			if c.code == "" {
				r.must("get", target, c.opts)
				return
			}
			r.refused(c.code, "get", target, c.opts)
			if len(served) > 0 {
				t.Error("the request went out")
			}
		})
	}
}

func selfSigned(t testing.TB, name string) tls.Certificate {
	return (&authority{TB: t}).leaf(name)
}

func TestOldTLSIsRefused(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, func(conn net.Conn) {
		_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{ca.leaf("a.test")}, MaxVersion: tls.VersionTLS11}).Handshake()
	})
	newRole(t).refused("tls", "get", "https://"+at(t, "a.test", address), opts{"ca": ca.pem})
}

func TestAServerThatWantsACertificate(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, func(conn net.Conn) {
		s := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{ca.leaf("a.test")}, ClientAuth: tls.RequireAnyClientCert})
		_ = s.Handshake()
		_, _ = conn.Read(make([]byte, 1))
	})
	newRole(t).refused("tls", "get", "https://"+at(t, "a.test", address), opts{"ca": ca.pem})
}
