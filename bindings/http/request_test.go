package http

import (
	"io"
	nethttp "net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// seen is what arrived at a server.
type seen struct {
	method, uri, host, body string
	length                  int64
	header                  nethttp.Header
}

func listener(t testing.TB) (target string, arrived chan seen) {
	arrived = make(chan seen, 64)
	return serve(t, func(_ nethttp.ResponseWriter, req *nethttp.Request) {
		body, _ := io.ReadAll(req.Body)
		arrived <- seen{req.Method, req.RequestURI, req.Host, string(body), req.ContentLength, req.Header}
	}), arrived
}

func TestWhatIsSent(t *testing.T) {
	r := newRole(t)
	target, arrived := listener(t)
	auth := "Basic dXNlcjpwYXNz" // user:pass
	for _, c := range []struct {
		name   string
		method string
		path   string
		opts   opts
		want   seen
	}{
		{"nothing", "GET", "", opts{}, seen{method: "GET", uri: "/"}},
		{"method in small letters", "delete", "/x", opts{}, seen{method: "DELETE", uri: "/x"}},
		{"odd path", "GET", "/a b/%2f/ü", opts{}, seen{method: "GET", uri: "/a%20b/%2f/%C3%BC"}},
		{"space in the query", "GET", "/?a=b c", opts{}, seen{method: "GET", uri: "/?a=b%20c"}},
		{
			"query", "GET", "/?z=1&z=2",
			opts{"query": opts{"n": 7.0, "f": 0.5, "b": true, "s": "a&b c", "l": []any{"x", 2.0}, "big": 1e15}},
			seen{method: "GET", uri: "/?z=1&z=2&b=true&big=1000000000000000&f=0.5&l=x&l=2&n=7&s=a%26b+c"},
		},
		{"empty query", "GET", "/?a", opts{"query": opts{}}, seen{method: "GET", uri: "/?a"}},
		{
			"headers", "GET", "/",
			opts{"headers": opts{"x-one": "1", "User-Agent": "mine", "AUTHORIZATION": "Bearer t", "Cookie": "a=b"}},
			seen{method: "GET", uri: "/", header: nethttp.Header{
				"X-One": {"1"}, "User-Agent": {"mine"}, "Authorization": {"Bearer t"}, "Cookie": {"a=b"},
			}},
		},
		{
			"json", "PUT", "/",
			opts{"json": opts{"a": []any{1.0, bindings.Null{}, "<ü>"}, "b": false}},
			seen{method: "PUT", uri: "/", body: `{"a":[1,null,"<ü>"],"b":false}`, header: nethttp.Header{"Content-Type": {"application/json"}}},
		},
		{"json false", "POST", "/", opts{"json": false}, seen{method: "POST", uri: "/", body: "false"}},
		{
			"json with its own type", "PATCH", "/",
			opts{"json": "x", "headers": opts{"content-type": "application/merge-patch+json"}},
			seen{method: "PATCH", uri: "/", body: `"x"`, header: nethttp.Header{"Content-Type": {"application/merge-patch+json"}}},
		},
		{
			"form", "POST", "/",
			opts{"form": opts{"a": "1 2", "b": []any{1.0, 2.0}}},
			seen{method: "POST", uri: "/", body: "a=1+2&b=1&b=2", header: nethttp.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		},
		{"bytes", "POST", "/", opts{"body": "\x00\xff"}, seen{method: "POST", uri: "/", body: "\x00\xff", header: nethttp.Header{"Content-Type": nil}}},
		{"no bytes", "POST", "/", opts{"body": ""}, seen{method: "POST", uri: "/"}},
		{"user in the url", "GET", "@/", opts{}, seen{method: "GET", uri: "/", header: nethttp.Header{"Authorization": {auth}}}},
		{
			"user in the url and a header", "GET", "@/",
			opts{"headers": opts{"authorization": "Bearer t"}},
			seen{method: "GET", uri: "/", header: nethttp.Header{"Authorization": {"Bearer t"}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := target + c.path
			if path, ok := strings.CutPrefix(c.path, "@"); ok {
				whole = strings.Replace(target, "//", "//user:pass@", 1) + path
			}
			r.must("request", c.method, whole, c.opts)
			got := <-arrived
			if got.method != c.want.method || got.uri != c.want.uri || got.body != c.want.body || got.length != int64(len(c.want.body)) {
				t.Errorf("arrived: %+v", got)
			}
			for name, want := range c.want.header {
				if !reflect.DeepEqual(got.header[name], want) {
					t.Errorf("header %s: %q, want %q", name, got.header[name], want)
				}
			}
		})
	}
}

func TestUserAgentNamesTheAgent(t *testing.T) {
	target, arrived := listener(t)
	newRole(t).must("post", target)
	got := <-arrived
	if got.method != "POST" || got.header.Get("User-Agent") != "Borealis-Agent/0.0.0-test" {
		t.Errorf("arrived: %+v", got)
	}
}

func TestWhatIsTheAuthorsMistake(t *testing.T) {
	r := newRole(t)
	target, arrived := listener(t)
	for name, args := range map[string][]any{
		"line end in a value":   {"GET", target, opts{"headers": opts{"X": "a\r\nEvil: 1"}}},
		"newline in a value":    {"GET", target, opts{"headers": opts{"X": "a\nb"}}},
		"zero in a value":       {"GET", target, opts{"headers": opts{"X": "a\x00"}}},
		"line end in a name":    {"GET", target, opts{"headers": opts{"X: y\r\nEvil": "1"}}},
		"space in a name":       {"GET", target, opts{"headers": opts{"X Y": "1"}}},
		"no name":               {"GET", target, opts{"headers": opts{"": "1"}}},
		"number as a value":     {"GET", target, opts{"headers": opts{"X": 1.0}}},
		"two spellings":         {"GET", target, opts{"headers": opts{"accept": "a", "Accept": "b"}}},
		"host":                  {"GET", target, opts{"headers": opts{"host": "other.test"}}},
		"content-length":        {"GET", target, opts{"headers": opts{"Content-Length": "3"}}},
		"transfer-encoding":     {"GET", target, opts{"headers": opts{"Transfer-Encoding": "chunked"}}},
		"connection":            {"GET", target, opts{"headers": opts{"connection": "upgrade"}}},
		"proxy-authorization":   {"GET", target, opts{"headers": opts{"PROXY-authorization": "Basic x"}}},
		"unknown option":        {"GET", target, opts{"verify": false}},
		"insecure":              {"GET", target, opts{"insecure": true}},
		"two bodies":            {"POST", target, opts{"body": "a", "json": "b"}},
		"body_file is no file":  {"POST", target, opts{"body_file": "/etc/passwd"}},
		"to is no file":         {"GET", target, opts{"to": "/tmp/x"}},
		"to cannot be written":  {"GET", target, opts{"to": r.handle(strings.NewReader(""))}},
		"function in json":      {"POST", target, opts{"json": opts{"f": func() {}}}},
		"table in a query":      {"GET", target, opts{"query": opts{"a": opts{}}}},
		"table in a form":       {"POST", target, opts{"form": opts{"a": []any{opts{"x": 1.0}}}}},
		"negative max_bytes":    {"GET", target, opts{"max_bytes": -1.0}},
		"negative redirects":    {"GET", target, opts{"max_redirects": -1.0}},
		"negative timeout":      {"GET", target, opts{"timeout": -1.0}},
		"no method":             {"", target},
		"method with a space":   {"GET /evil", target},
		"connect":               {"connect", target},
		"trace":                 {"TRACE", target},
		"url is a number":       {"GET", 7.0},
		"more than two, opts":   {"GET", target, opts{}, "x"},
		"method is no string":   {opts{}, target},
		"body is no string":     {"POST", target, opts{"body": opts{}}},
		"ca is no string":       {"GET", target, opts{"ca": true}},
		"misspelt option":       {"GET", target, opts{"time_out": 3.0}},
		"timeout is no number":  {"GET", target, opts{"timeout": "3"}},
		"half a redirect":       {"GET", target, opts{"max_redirects": 0.5}},
		"headers are no table":  {"GET", target, opts{"headers": "X: y"}},
		"query is a list":       {"GET", target, opts{"query": []any{"a"}}},
		"proxy is no string":    {"GET", target, opts{"proxy": 8080.0}},
		"max_bytes is a string": {"GET", target, opts{"max_bytes": "10"}},
	} {
		t.Run(name, func(t *testing.T) { r.refused("misuse", "request", args...) })
	}
	select {
	case got := <-arrived:
		t.Errorf("sent all the same: %+v", got)
	default:
	}
}

func TestURLs(t *testing.T) {
	r := newRole(t)
	for _, target := range []string{
		"", "a.test", "//a.test/", "ftp://a.test/", "file:///etc/passwd", "http://", "https:///x", "http:a.test", "http://a.test:port/",
		"http://bücher.test/", "http://a\u3002test/", "http://a.test\r\nEvil: 1/", "http://a.test/\r\nEvil: 1", "http://[::1", "http://%61.test/",
		"http://a_%zz/", "unix:///run/x", "http://a.test%2eevil.test/", "javascript:alert(1)", "http://a b.test/", "http://@/",
	} {
		r.refused("bad_url", "get", target)
	}
	r.refused("limit", "post", "http://a.test", opts{"json": strings.Repeat("x", maxJSON)})
	r.refused("utf8", "post", "http://a.test", opts{"json": "\xff"})
}

func TestFailuresKeepSecrets(t *testing.T) {
	r := newRole(t)
	for _, message := range []string{
		r.refused("dns", "get", "http://user:secret@nowhere.invalid/secret?token=secret#secret"),
		r.refused("bad_url", "get", "http://user:secret@nowhere.invalid:x/secret"),
		r.refused("proxy", "get", "http://a.test/", opts{"proxy": "http://user:secret@nowhere.invalid:1"}),
		r.refused("proxy", "get", "http://a.test/", opts{"proxy": "://user:secret@"}),
	} {
		if message == "" || strings.Contains(message, "secret") {
			t.Errorf("told: %s", message)
		}
	}
}

func TestTheGrantIsAskedByName(t *testing.T) {
	target, arrived := listener(t)
	r := newRole(t, "http:a.test", "http:127.0.0.1")
	r.must("get", named(t, "a.test", target))
	<-arrived
	r.must("get", named(t, "A.TEST", target))
	<-arrived
	r.must("get", target)
	<-arrived
	for _, host := range []string{"b.test", "x.a.test", "a.test.b.test", "a.test."} {
		message := r.refused("denied", "get", named(t, host, target), opts{"body": "x"})
		if want := `add "http:` + host + `" to ROLE_GRANTS`; !strings.Contains(message, want) {
			t.Errorf("%s: told %q, want %q", host, message, want)
		}
	}
	r.refused("denied", "post", named(t, "b.test", target), opts{"body_file": r.handle(strings.NewReader("x"))})
	if len(arrived) > 0 {
		t.Error("a request went out without a grant")
	}
}
