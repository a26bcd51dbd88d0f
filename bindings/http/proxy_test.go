package http

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	nethttp "net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// proxy is one that lets user:pass through, on either way of asking; it notes what it was asked for.
func proxy(t testing.TB) (address string, asked chan string) {
	asked = make(chan string, 16)
	return serve(t, func(w nethttp.ResponseWriter, req *nethttp.Request) {
		asked <- req.Method + " " + req.RequestURI
		if req.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwYXNz" {
			w.Header().Set("Proxy-Authenticate", "Basic")
			w.WriteHeader(nethttp.StatusProxyAuthRequired)
			return
		}
		if req.Method != nethttp.MethodConnect {
			_, _ = io.WriteString(w, "from the proxy")
			return
		}
		_, port, _ := net.SplitHostPort(req.RequestURI)
		there, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			w.WriteHeader(nethttp.StatusBadGateway)
			return
		}
		here, buffered, err := w.(nethttp.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		join(here, buffered, there)
	}), asked
}

// join carries bytes both ways until either end closes.
func join(here net.Conn, from io.Reader, there net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(there, from)
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
	_ = here.Close()
	<-done
}

func withUser(address, user string) string { return strings.Replace(address, "//", "//"+user+"@", 1) }

func TestThroughAProxy(t *testing.T) {
	ca := newAuthority(t)
	address, asked := proxy(t)
	r := newRole(t)
	safe := serveTLS(t, "there.invalid", ca.leaf("there.invalid"), say("from there"))
	wrong := serveTLS(t, "there.invalid", ca.leaf("elsewhere.invalid"), say("from there"))
	by := func(proxy string) opts { return opts{"proxy": proxy, "ca": ca.pem} }

	got := r.must("get", safe, by(withUser(address, "user:pass")))
	if want := "CONNECT " + strings.TrimPrefix(safe, "https://"); got["body"] != "from there" || <-asked != want {
		t.Errorf("https: %v", got)
	}
	got = r.must("get", "http://there.invalid/x", by(withUser(address, "user:pass")))
	if what := <-asked; got["body"] != "from the proxy" || what != "GET http://there.invalid/x" {
		t.Errorf("http: %v, asked for %q", got, what)
	}
	r.refused("tls", "get", wrong, by(withUser(address, "user:pass")))

	for name, target := range map[string]string{"https": safe, "http": "http://there.invalid/"} {
		for _, proxy := range []string{address, withUser(address, "user:wrong")} {
			message := r.refused("proxy", "get", target, by(proxy))
			if !strings.Contains(message, "407") || strings.Contains(message, "wrong") {
				t.Errorf("%s: told %q", name, message)
			}
		}
	}
}

func TestProxiesThatAreNone(t *testing.T) {
	ca := newAuthority(t)
	r := newRole(t, "http:127.0.0.1", "http:a.test")
	target := serve(t, say("direct"))
	safe := serveTLS(t, "a.test", ca.leaf("a.test"), say("direct"))
	for _, c := range []struct{ code, target, proxy string }{
		{"proxy", target, "http://" + nobody},
		{"proxy", safe, "http://" + nobody},
		{"proxy", safe, "socks5://" + nobody},
		{"proxy", target, "https://" + strings.TrimPrefix(target, "http://")},
		{"tls", safe, target}, // no proxy, but a server that answers 200 to anything
		{"proxy", target, "ftp://127.0.0.1"},
		{"proxy", target, "127.0.0.1:8080"},
		{"proxy", target, "http://"},
		{"proxy", target, "http://\u00fcber.test:1"},
		{"denied", target, "http://b.test:3128"},
	} {
		r.refused(c.code, "get", c.target, opts{"proxy": c.proxy, "ca": ca.pem})
	}
	r.refused("timeout", "get", safe, opts{"proxy": "http://" + listen(t, mute).String(), "timeout": soon})
	r.refused("broken", "get", safe, opts{"proxy": "http://" + listen(t, answerWith("!")).String()})
}

func TestThroughSOCKS(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, socks).String()
	r := newRole(t)
	safe := serveTLS(t, "there.invalid", ca.leaf("there.invalid"), say("from there"))
	got := r.must("get", safe, opts{"ca": ca.pem, "proxy": "socks5://user:pass@" + address})
	if got["body"] != "from there" {
		t.Errorf("got %v", got)
	}
	r.refused("proxy", "get", safe, opts{"ca": ca.pem, "proxy": "socks5://user:wrong@" + address})
}

// socks is as much of RFC 1928 and 1929 as one connection by a name needs, for user:pass.
func socks(conn net.Conn) {
	in := bufio.NewReader(conn)
	read := func(n int) []byte {
		p := make([]byte, n)
		_, _ = io.ReadFull(in, p)
		return p
	}
	read(int(read(2)[1]))
	_, _ = conn.Write([]byte{5, 2})
	user := read(int(read(2)[1]))
	password := read(int(read(1)[0]))
	if string(user)+":"+string(password) != "user:pass" {
		_, _ = conn.Write([]byte{1, 1})
		return
	}
	_, _ = conn.Write([]byte{1, 0})
	read(int(read(5)[4]))
	port := binary.BigEndian.Uint16(read(2))
	there, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	join(conn, in, there)
}

// environmentVariable makes the test binary ask for what it names, as JSON lists of arguments, with what its
// environment says about proxies.
const environmentVariable = "BOREALIS_TEST_HTTP_ASK"

func askByEnvironment() {
	var calls [][]any
	if err := json.Unmarshal([]byte(os.Getenv(environmentVariable)), &calls); err != nil {
		panic(err)
	}
	host := hosttest.New(os.TempDir(), "http")
	set, err := bindings.Open(host, []bindings.Binding{Binding}, host.Grants)
	if err != nil {
		panic(err)
	}
	for _, args := range calls {
		out, err := set.Call(context.Background(), bindings.Call{Module: "http", Func: "get", Args: args})
		if err != nil {
			out = map[string]any{"body": codeOf(err)}
		}
		_, _ = io.WriteString(os.Stdout, out.(map[string]any)["body"].(string)+"\n")
	}
	os.Exit(0)
}

func TestTheEnvironmentNamesTheProxy(t *testing.T) {
	address, asked := proxy(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	direct := serve(t, say("direct"))
	calls, err := json.Marshal([][]any{
		{"http://there.invalid/"},
		{"http://there.invalid/", opts{"proxy": ""}},
		{"http://not.there.invalid/"},
		{direct},
	})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), environmentVariable+"="+string(calls),
		"HTTP_PROXY="+withUser(address, "user:pass"), "http_proxy="+withUser(address, "user:pass"), "NO_PROXY=not.there.invalid")
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := strings.Fields(string(out)); len(got) != 6 || strings.Join(got[:3], " ") != "from the proxy" || got[5] != "direct" {
		t.Errorf("got %q", got)
	} else if strings.Join(got[3:5], " ") != "dns dns" {
		t.Errorf("without the proxy: %q", got)
	}
	if what := <-asked; what != "GET http://there.invalid/" || len(asked) > 0 {
		t.Errorf("the proxy was asked for %q and %d more", what, len(asked))
	}
}

func TestABrokenEnvironmentIsTheProxysTrouble(t *testing.T) {
	r := newRole(t)
	r.m.environment = func(*nethttp.Request) (*url.URL, error) { return nil, net.InvalidAddrError("secret") }
	if message := r.refused("proxy", "get", "http://a.test/"); strings.Contains(message, "secret") {
		t.Errorf("told %q", message)
	}
}
