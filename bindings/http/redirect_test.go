package http

import (
	"fmt"
	"io"
	nethttp "net/http"
	"strconv"
	"strings"
	"testing"
)

// sendOn answers /N with a redirect to /N-1, and /0 with "done"; other paths as the query says: to, status.
func sendOn(w nethttp.ResponseWriter, req *nethttp.Request) {
	n, err := strconv.Atoi(req.URL.Path[1:])
	switch {
	case err == nil && n > 0:
		nethttp.Redirect(w, req, fmt.Sprint(n-1), nethttp.StatusFound)
	case err == nil:
		_, _ = io.WriteString(w, "done")
	default:
		status, _ := strconv.Atoi(req.URL.Query().Get("status"))
		w.Header().Set("Location", req.URL.Query().Get("to"))
		if status == 0 {
			status = nethttp.StatusFound
		}
		w.WriteHeader(status)
	}
}

func TestRedirectsAreCounted(t *testing.T) {
	r := newRole(t)
	target := serve(t, sendOn)
	if got := r.must("get", target+"/5"); got["body"] != "done" || got["url"] != target+"/0" {
		t.Errorf("got %v", got)
	}
	if message := r.refused("redirect", "get", target+"/6"); !strings.Contains(message, "more than 5 redirects") {
		t.Errorf("told %q", message)
	}
	r.refused("redirect", "get", target+"/2", opts{"max_redirects": 1.0})
	r.must("get", target+"/20", opts{"max_redirects": 20.0})
	if got := r.must("get", target+"/1", opts{"max_redirects": 0.0}); got["status"] != 302.0 || got["headers"].(opts)["location"] != "/0" {
		t.Errorf("got %v", got)
	}
	r.refused("redirect", "get", serve(t, func(w nethttp.ResponseWriter, req *nethttp.Request) {
		nethttp.Redirect(w, req, req.RequestURI, nethttp.StatusFound)
	}), opts{"max_redirects": 50.0})
	if got := r.must("get", target+"/x?status=304&to=/0"); got["status"] != 304.0 {
		t.Errorf("a status that is no redirect: %v", got)
	}
	if got := r.must("get", target+"/x?to="); got["status"] != 302.0 {
		t.Errorf("a redirect to nowhere: %v", got)
	}
}

func TestOnlyQuestionsAreSentAgain(t *testing.T) {
	r := newRole(t)
	target := serve(t, func(w nethttp.ResponseWriter, req *nethttp.Request) {
		if req.URL.Path == "/arrived" {
			_, _ = io.WriteString(w, req.Method)
			w.Header().Set("Method", req.Method)
			return
		}
		sendOn(w, req)
	})
	for _, status := range []string{"301", "302", "303", "307", "308"} {
		on := target + "/x?to=/arrived&status=" + status
		if got := r.must("get", on); got["body"] != "GET" {
			t.Errorf("GET %s: %v", status, got)
		}
		if got := r.must("request", "HEAD", on); got["status"] != 200.0 || got["url"] != target+"/arrived" {
			t.Errorf("HEAD %s: %v", status, got)
		}
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if got := r.must("request", method, on, opts{"body": "x"}); fmt.Sprint(got["status"]) != status {
				t.Errorf("%s %s: %v", method, status, got)
			}
		}
		if got := r.must("get", on, opts{"body": "x"}); fmt.Sprint(got["status"]) != status {
			t.Errorf("GET with a body %s: %v", status, got)
		}
	}
}

func TestWhereARedirectMayNotLead(t *testing.T) {
	ca := newAuthority(t)
	arrived := make(chan string, 8)
	plain := serve(t, func(_ nethttp.ResponseWriter, req *nethttp.Request) { arrived <- req.Host })
	safe := serveTLS(t, "a.test", ca.leaf("a.test"), sendOn)
	r := newRole(t, "http:a.test", "http:127.0.0.1")
	trusted := opts{"ca": ca.pem}
	for name, c := range map[string]struct{ code, to string }{
		"from https to http":       {"redirect", plain},
		"to a host not granted":    {"denied", strings.Replace(safe, "a.test", "b.test", 1)},
		"to a file":                {"redirect", "file:///etc/passwd"},
		"to another scheme":        {"redirect", "gopher://a.test/"},
		"to a url that is none":    {"redirect", "https://a.test:port/"},
		"to another alphabet":      {"redirect", "https://a\u3002test/"},
		"to an escaped host":       {"redirect", "https://%61.test/"},
		"to no host":               {"redirect", "https:///"},
		"to a host without scheme": {"denied", strings.Replace(safe, "https://a.test", "//b.test", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			r.refused(c.code, "get", safe+"/x?to="+queryEscaped(c.to), trusted)
		})
	}
	r.refused("denied", "get", named(t, "127.0.0.1", serve(t, sendOn))+"/x?to="+queryEscaped(named(t, "b.test", plain)))
	if len(arrived) > 0 {
		t.Errorf("arrived at %s", <-arrived)
	}
}

func queryEscaped(s string) string {
	return strings.NewReplacer("%", "%25", "&", "%26", "?", "%3F", "=", "%3D", "#", "%23").Replace(s)
}

func TestWhatARedirectTakesAlong(t *testing.T) {
	ca := newAuthority(t)
	arrived := make(chan nethttp.Header, 1)
	note := func(w nethttp.ResponseWriter, req *nethttp.Request) {
		if req.URL.Path == "/end" {
			arrived <- req.Header
			return
		}
		sendOn(w, req)
	}
	r := newRole(t)
	a, b := named(t, "a.test", serve(t, note)), named(t, "b.test", serve(t, note))
	otherPort := named(t, "a.test", serve(t, note))
	safe := serveTLS(t, "a.test", ca.leaf("a.test"), note)
	via := func(first string, then ...string) string { // a chain of redirects, each in the query of the one before
		for i := len(then) - 1; i > 0; i-- {
			then[i-1] += "/x?to=" + queryEscaped(then[i])
		}
		return first + "/x?to=" + queryEscaped(then[0])
	}
	for _, c := range []struct {
		name, target string
		kept         bool
	}{
		{"the same server", via(a, a+"/end"), true},
		{"a path of the same server", via(a, "/end"), true},
		{"the same server in capitals", via(a, strings.Replace(a, "a.test", "A.TEST", 1)+"/end"), true},
		{"another name", via(a, b+"/end"), false},
		{"another port", via(a, otherPort+"/end"), false},
		{"there and back", via(a, b, a+"/end"), false},
		{"another name that only looks alike", via(a, strings.Replace(b, "b.test", "x.a.test", 1)+"/end"), false},
		{"TLS on another port", via(a, safe+"/end"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.must("get", c.target, opts{"ca": ca.pem, "headers": opts{
				"Authorization": "Bearer t", "Cookie": "a=b", "X-Api-Key": "k", "Accept": "text/csv", "Range": "bytes=0-1",
			}})
			got := <-arrived
			for _, name := range []string{"Authorization", "Cookie", "X-Api-Key"} {
				if (got.Get(name) != "") != c.kept {
					t.Errorf("%s arrived as %q", name, got.Get(name))
				}
			}
			if got.Get("Accept") != "text/csv" || got.Get("Range") != "bytes=0-1" || !strings.HasPrefix(got.Get("User-Agent"), "Borealis-Agent/") {
				t.Errorf("arrived: %v", got)
			}
			if got.Get("Referer") != "" {
				t.Errorf("the url before was told: %v", got)
			}
		})
	}
	r.must("get", strings.Replace(via(a, strings.Replace(b, "//", "//other:user@", 1)+"/end"), "//", "//user:pass@", 1))
	if got := <-arrived; got.Get("Authorization") != "" {
		t.Errorf("a password went along: %v", got)
	}
}

func TestTheStepToHTTPSStays(t *testing.T) {
	for _, c := range []struct {
		from, to string
		same     bool
	}{
		{"http://a.test/", "https://a.test/", true},
		{"http://a.test:80/", "https://a.test:443/", true},
		{"http://a.test:8080/", "https://a.test/", false},
		{"http://a.test/", "https://a.test:8443/", false},
		{"http://a.test/", "http://a.test:443/", false},
		{"https://a.test/", "https://a.test:443/x", true},
		{"http://[::1]/", "http://[::1]:80/", true},
		{"http://a.test/", "https://b.test/", false},
	} {
		from, err := parseTarget(c.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := parseTarget(c.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := sameServer(from, to); got != c.same {
			t.Errorf("%s to %s: %v", c.from, c.to, got)
		}
	}
}
