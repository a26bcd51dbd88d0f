package http

import (
	"bufio"
	"bytes"
	nethttp "net/http"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// FuzzRequest builds requests of words from foreign hands. What is not refused goes to the host that the grant is
// asked for, and arrives as it was meant: no word ends a line and begins another.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][4]string{
		{"GET", "http://a.test/x?y=z", "X-Name", "value"},
		{"post", "https://user:pass@A.test:8443/%2f?a b", "Accept", "tab\tand ü"},
		{"GET", "http://a.test\\@b.test/", "X", "a\r\nEvil: 1"},
		{"GET /x HTTP/1.1\r\nEvil: 1\r\n\r\nGET", "http://[::1%25eth0]/", "X: y\r\nEvil", "\x00"},
		{"GET", "http://a.test/\r\n?\r\n#\r\n", "Host", "b.test"},
		{"GET", "http://a.test#@b.test/", "content-length", "0"},
		{"GET", "http:///a.test", "", ""},
		{"GET", "http://a.test:0x50/?q=\"<>`{}|", "Cookie", strings.Repeat("c", 300)},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	m := newModule(hosttest.New(f.TempDir()))
	f.Fuzz(func(t *testing.T, method, target, name, value string) {
		o := &options{Headers: map[string]string{name: value}, Query: map[string]any{name: value}, Body: []byte(value)}
		req, err := m.build(method, target, o)
		if err != nil {
			return
		}
		if !plainHost(req.URL.Hostname()) || req.URL.Host != strings.ToLower(req.URL.Host) || req.URL.User != nil {
			t.Fatalf("%q leads to %+v", target, req.URL)
		}
		var wire bytes.Buffer
		if err := req.Write(&wire); err != nil {
			return // net/http has its own doubts
		}
		sent := wire.String()
		got, err := nethttp.ReadRequest(bufio.NewReader(&wire))
		if err != nil {
			t.Fatalf("not a request: %v\n%q", err, sent)
		}
		if got.Method != req.Method || got.Host != req.URL.Host || got.URL.RequestURI() != req.URL.RequestURI() {
			t.Fatalf("arrives as %s %s %s:\n%q", got.Method, got.Host, got.URL, sent)
		}
		if want := strings.Trim(value, " \t"); got.Header.Get(name) != want || len(got.Header) > 4 {
			t.Fatalf("header %q is %q, want %q:\n%q", name, got.Header.Get(name), want, sent)
		}
		if lines := strings.Count(sent[:strings.Index(sent, "\r\n\r\n")], "\n"); lines > 6 {
			t.Fatalf("%d lines:\n%q", lines, sent)
		}
	})
}
