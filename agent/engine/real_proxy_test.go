package engine_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// The account at the proxies. The password must be nowhere but on the way there.
const (
	proxyUser     = "amy"
	proxyPassword = "canary p@ss:w/rd"
	proxyInURL    = "amy:canary%20p%40ss%3Aw%2Frd"
)

// proxy is a proxy of the test's own, which leads to one place whatever is asked for.
type proxy struct {
	t        *testing.T
	listener net.Listener
	target   string

	mu     sync.Mutex
	asked  []string // for whom
	denied int
	wg     sync.WaitGroup
	open   []net.Conn
}

func startProxy(t *testing.T, target string, serve func(*proxy, net.Conn) (host string, err error)) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, listener: listener, target: target}
	p.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.lead(conn, serve) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		p.mu.Lock()
		for _, c := range p.open {
			c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// lead takes one client through the proxy's protocol and then to the target.
func (p *proxy) lead(conn net.Conn, serve func(*proxy, net.Conn) (string, error)) {
	defer conn.Close()
	p.keep(conn)
	host, err := serve(p, conn)
	p.mu.Lock()
	if err != nil {
		p.denied++
	} else {
		p.asked = append(p.asked, host)
	}
	p.mu.Unlock()
	if err != nil {
		return
	}
	there, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer there.Close()
	p.keep(there)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(there, conn)
		there.Close()
	})
	_, _ = io.Copy(conn, there)
	conn.Close()
	wg.Wait()
}

func (p *proxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, c)
}

func (p *proxy) hosts() ([]string, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...), p.denied
}

var errDenied = errors.New("denied")

// connect is the HTTP way: CONNECT with Basic.
func connect(_ *proxy, conn net.Conn) (string, error) {
	head := make([]byte, 0, 4096)
	for !strings.HasSuffix(string(head), "\r\n\r\n") && len(head) < cap(head) {
		var b [1]byte
		if _, err := conn.Read(b[:]); err != nil {
			return "", err
		}
		head = append(head, b[0])
	}
	var host string
	if _, err := fmt.Sscanf(string(head), "CONNECT %s HTTP/1.1", &host); err != nil {
		return "", err
	}
	want := "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(proxyUser+":"+proxyPassword))
	if !strings.Contains(string(head), want+"\r\n") {
		_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return "", errDenied
	}
	_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	return host, err
}

// socks is RFC 1928 with the user name and password of RFC 1929.
func socks(_ *proxy, conn net.Conn) (string, error) {
	read := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(conn, b); err != nil {
			return make([]byte, n)
		}
		return b
	}
	methods := read(int(read(2)[1]))
	if !strings.Contains(string(methods), "\x02") {
		_, _ = conn.Write([]byte{5, 0xff})
		return "", errDenied
	}
	_, _ = conn.Write([]byte{5, 2})
	user := string(read(int(read(2)[1])))
	password := string(read(int(read(1)[0])))
	if user != proxyUser || password != proxyPassword {
		_, _ = conn.Write([]byte{1, 1})
		return "", errDenied
	}
	_, _ = conn.Write([]byte{1, 0})
	var host string
	switch kind := read(4)[3]; kind {
	case 1:
		host = net.IP(read(4)).String()
	case 3:
		host = string(read(int(read(1)[0])))
	default:
		return "", fmt.Errorf("address kind %d", kind)
	}
	port := binary.BigEndian.Uint16(read(2))
	_, err := conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return net.JoinHostPort(host, strconv.Itoa(int(port))), err
}

// kinds of proxies, by the scheme that names them.
var kinds = map[string]func(*proxy, net.Conn) (string, error){"http": connect, "socks5": socks, "socks5h": socks}

// engineAddr is where an Engine really listens.
func engineAddr(e *enginetest.Engine) string {
	return strings.TrimPrefix(strings.Replace(e.URL(), "localhost", "127.0.0.1", 1), "https://")
}

type deaf struct{}

func (deaf) Event(wire.Event) {}

// TestProxyOfTheSettings takes enrollment, calls and the websocket through proxies that ask for a password.
func TestProxyOfTheSettings(t *testing.T) {
	for scheme, serve := range kinds {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Start(t, enginetest.Config{AutoApprove: true, FirstPoll: time.Second})
			p := startProxy(t, engineAddr(e), serve)
			cfg, log := configIn(t, e, t.TempDir())
			cfg.RootCAs, cfg.Proxy = e.RootPEM(), nil
			cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if address != p.addr() {
					t.Errorf("dialled %s, past the proxy", address)
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			}
			setProxy(t, cfg, fmt.Sprintf("%s://%s@%s", scheme, proxyInURL, p.addr()))
			client := clientOf(t, cfg)
			ctx, cancel := context.WithTimeout(t.Context(), soon)
			defer cancel()
			conversed := make(chan error, 1)
			go func() { conversed <- client.Converse(ctx, deaf{}) }()
			if _, err := e.WaitConnected(ctx, "lab-node-07"); err != nil {
				t.Fatal(err, log)
			}
			if err := client.Post(ctx, wire.PathHeartbeat, nil, nil); err != nil {
				t.Error(err)
			}
			cancel()
			<-conversed
			hosts, denied := p.hosts()
			want := strings.TrimPrefix(e.URL(), "https://")
			if len(hosts) < 2 || denied != 0 || (scheme != "socks5" && hosts[0] != want) {
				t.Errorf("through the proxy to %v, want at least two to %s; %d denied", hosts, want, denied)
			}
			noPassword(t, log.String()+fmt.Sprintf("%+v", client.Status()))
		})
	}
}

func setProxy(t *testing.T, cfg engine.Config, text string) {
	t.Helper()
	if err := cfg.Tree.UpdateDocument("SYSTEM", func(d settings.Document) error { return d.Set("proxy", text) }); err != nil {
		t.Fatal(err)
	}
}

func noPassword(t *testing.T, text string) {
	t.Helper()
	for _, form := range []string{
		"canary", base64.StdEncoding.EncodeToString([]byte(proxyUser + ":" + proxyPassword)), "p%40ss",
	} {
		if strings.Contains(text, form) {
			t.Errorf("the password is told as %q:\n%s", form, text)
		}
	}
}

// TestAProxyThatRefuses gives the wrong password, or names nothing that is there.
func TestAProxyThatRefuses(t *testing.T) {
	for scheme, serve := range kinds {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Start(t, enginetest.Config{})
			reached := counted(e)
			p := startProxy(t, engineAddr(e), serve)
			cfg, log := configIn(t, e, t.TempDir())
			cfg.RootCAs, cfg.Proxy = e.RootPEM(), nil
			setProxy(t, cfg, fmt.Sprintf("%s://amy:canary-wrong@%s", scheme, p.addr()))
			why := refusedOnce(t, clientOf(t, cfg))
			if _, denied := p.hosts(); !strings.Contains(why, engine.ErrUnreachable.Error()) || denied == 0 || reached() != 0 {
				t.Errorf("%s; the proxy denied %d, %d requests reached the Engine", why, denied, reached())
			}
			noPassword(t, why+log.String())
		})
	}
}

func TestProxiesThatAreNone(t *testing.T) {
	e := enginetest.Start(t, enginetest.Config{AutoApprove: true, FirstPoll: time.Second})
	cfg, _ := configIn(t, e, t.TempDir())
	cfg.Proxy = nil
	for _, text := range []string{"https://amy:canary@proxy:3128", "ftp://proxy", "http://amy:canary@", "http://amy:canary@%zz", "://canary"} {
		setProxy(t, cfg, text)
		_, err := engine.New(cfg)
		if err == nil || !strings.Contains(err.Error(), "proxy") {
			t.Errorf("%q: %v, want an error that names the setting", text, err)
			continue
		}
		noPassword(t, err.Error())
	}
	setProxy(t, cfg, "direct")
	cfg.RootCAs = e.RootPEM()
	authenticate(t, clientOf(t, cfg))
}

// TestProxyOfTheEnvironment needs a process of its own: Go reads these variables once.
func TestProxyOfTheEnvironment(t *testing.T) {
	const part = "ENGINE_TEST_PROXY"
	if at := os.Getenv(part); at != "" {
		throughTheEnvironment(t, at)
		return
	}
	for scheme, serve := range kinds {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Start(t, enginetest.Config{AutoApprove: true, FirstPoll: time.Second})
			p := startProxy(t, engineAddr(e), serve)
			leaf, _ := printsOf(t, e)
			_, port, _ := net.SplitHostPort(engineAddr(e))
			// Go goes past every proxy to localhost, so the Engine needs a name, which only the proxy knows.
			at := strings.Join([]string{"https://engine.test:" + port, leaf, e.Code()}, " ")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyOfTheEnvironment$", "-test.count=1")
			cmd.Env = append(os.Environ(), part+"="+at, fmt.Sprintf("HTTPS_PROXY=%s://%s@%s", scheme, proxyInURL, p.addr()))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if hosts, _ := p.hosts(); len(hosts) == 0 || (scheme != "socks5" && hosts[0] != "engine.test:"+port) {
				t.Errorf("through the proxy to %v", hosts)
			}
			noPassword(t, string(out))
		})
	}
}

// throughTheEnvironment is the process that finds its proxy in the environment.
func throughTheEnvironment(t *testing.T, at string) {
	words := strings.Fields(at)
	e := enginetest.Start(t, enginetest.Config{}) // only to have a configuration for
	cfg, _ := configIn(t, e, t.TempDir())
	cfg.ServerURL, cfg.Fingerprint, cfg.Code, cfg.Proxy = words[0], words[1], func() string { return words[2] }, nil
	cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client := clientOf(t, cfg)
	authenticate(t, client)
	// The stock certificate has another name, so its bundle is not pinned, and the fingerprint stays.
	if s := client.Status(); s.Trust != engine.TrustFingerprint || !s.BundleRefused {
		t.Errorf("%+v", s)
	}
	cfg.Fingerprint = ""
	if again := clientOf(t, cfg); again.Post(t.Context(), wire.PathHeartbeat, nil, nil) != nil || again.Status().Trust != engine.TrustFingerprint {
		t.Errorf("the next start, without the flag: %+v", again.Status())
	}
}
