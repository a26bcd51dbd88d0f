package socketio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

const large = 20_000_000

// TestForeignServers holds our client against servers that we did not write, over TLS with a private root, and against
// nginx before them. Debian's
// python-engineio takes less under aiohttp: 4 MiB by websocket, and of a POST what arrives in one piece.
func TestForeignServers(t *testing.T) {
	for name, c := range map[string]struct {
		command                func(testing.TB) []string
		byWebsocket, byPolling int // the size of a message that it takes
	}{
		"npm":     {func(t testing.TB) []string { return node(t, "server.js") }, large, large},
		"aiohttp": {func(t testing.TB) []string { return python(t, "server_aiohttp.py", "aiohttp") }, 4_000_000, 2_000},
		"flask":   {func(t testing.TB) []string { return python(t, "server_flask.py", "flask_socketio", "eventlet") }, large, large},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			f := &foreignServer{t: t, args: append(c.command(t), freePort(t), a.cert, a.key)}
			f.start()
			for way, cfg := range ways {
				cfg.URL, cfg.HTTPClient = f.url(), a.client(t)
				size := map[string]int{"websocket": c.byWebsocket, "polling": c.byPolling}[way] // an upgraded session is no news
				t.Run(way, func(t *testing.T) { testForeignServer(t, way, cfg, size) })
			}
			t.Run("refusal", func(t *testing.T) { testForeignRefusals(t, f.url(), a) })
			t.Run("restart", func(t *testing.T) { testRestart(t, f, f.url(), a, ways) })
			t.Run("nginx", func(t *testing.T) {
				front := nginx(t, a, f.url())
				for way, size := range map[string]int{"websocket": c.byWebsocket, "polling": c.byPolling} {
					cfg := ways[way]
					cfg.URL, cfg.HTTPClient = front, a.client(t)
					t.Run(way, func(t *testing.T) { testForeignServer(t, way, cfg, size) })
				}
				t.Run("refusal", func(t *testing.T) { testForeignRefusals(t, front, a) })
				t.Run("restart", func(t *testing.T) {
					testRestart(t, f, front, a, map[string]socketio.Config{"websocket": {}})
				})
			})
		})
	}
}

type foreignServer struct {
	t    testing.TB // it lives as long, however many times it starts
	args []string   // the port is the third from the end
	*program
}

func (f *foreignServer) start() {
	f.t.Helper()
	f.program = run(f.t, f.args...)
	f.await(f.t, "listening")
}

func (f *foreignServer) url() string { return "https://127.0.0.1:" + f.args[len(f.args)-3] }

func testForeignServer(t *testing.T, way string, cfg socketio.Config, size int) {
	var events <-chan socketio.Message
	cfg.OnEvent, events = inbox(500)
	cfg.Auth = map[string]string{"token": "good"}
	c := dial(t, cfg)
	testForeignEcho(t, c) // an upgrade happens meanwhile
	testForeignEvents(t, c, events)
	if way == "upgrade" {
		eventually(t, "the session moved to a websocket", func() bool { return c.Transport() == "websocket" })
	} else if c.Transport() != way {
		t.Errorf("carried by %s", c.Transport())
	}
	received(t, c, "nobody") // and so without an acknowledgement
	if size > 0 {
		testForeignLarge(t, c, events, size)
	}
	if err := c.Emit(bounded(t), "kick"); err != nil && !errors.Is(err, socketio.ErrClosed) {
		t.Fatal(err)
	}
	take(t, "end", c.Done())
	if !errors.Is(c.Err(), socketio.ErrClosed) {
		t.Errorf("after the kick: %v", c.Err())
	}
}

func testForeignEcho(t *testing.T, c *socketio.Conn) {
	t.Helper()
	want := []any{"żółć 🦉 \x1e", []any{json.Number("1.5"), nil}, socketio.Binary{0, 30, 255}, map[string]any{"b": socketio.Binary("b")}}
	m, err := c.CallMessage(bounded(t), "echo", want...)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Values(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("echo %v, %v; want %v", got, err, want)
	}
	if got, err := c.Call(bounded(t), "echo"); err != nil || len(got) != 0 {
		t.Errorf("empty echo %s, %v", got, err)
	}
}

func testForeignEvents(t *testing.T, c *socketio.Conn, events <-chan socketio.Message) {
	t.Helper()
	const n = 100 // in one go: more than the 16 that python-engineio takes in one payload
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := c.Emit(bounded(t), "shout", i, socketio.Binary("b")); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range n {
		vs, err := take(t, "event", events).Values()
		if want := []any{json.Number(fmt.Sprint(i)), socketio.Binary("b")}; err != nil || !reflect.DeepEqual(vs, want) {
			t.Fatalf("event %d came as %v, %v", i, vs, err)
		}
	}
	if err := take(t, "end of sending", sent); err != nil {
		t.Fatal(err)
	}
	if err := c.Emit(bounded(t), "ask"); err != nil {
		t.Fatal(err)
	}
	question := take(t, "question", events)
	if question.Event != "question" || question.Ack == nil || string(question.Args[0]) != "41" {
		t.Fatalf("question came as %+v", question)
	}
	if err := question.Ack(42, socketio.Binary("answer")); err != nil {
		t.Fatal(err)
	}
	vs, err := take(t, "event", events).Values()
	if want := []any{json.Number("42"), socketio.Binary("answer")}; err != nil || !reflect.DeepEqual(vs, want) {
		t.Errorf("the answer arrived as %v, %v", vs, err)
	}
}

func testForeignLarge(t *testing.T, c *socketio.Conn, events <-chan socketio.Message, size int) {
	t.Helper()
	got, err := c.Call(bounded(t), "length", strings.Repeat("x", size))
	if err != nil || string(got[0]) != fmt.Sprint(size) {
		t.Fatalf("of %d bytes there arrived %s, %v", size, got, err)
	}
	if err := c.Emit(bounded(t), "big", large); err != nil {
		t.Fatal(err)
	}
	if m := take(t, "event", events); m.Event != "big" || len(m.Args[0]) != large+2 {
		t.Errorf("event %q of %d bytes", m.Event, len(m.Args[0]))
	}
}

func testForeignRefusals(t *testing.T, url string, a *authority) {
	for way, cfg := range ways {
		cfg.URL, cfg.HTTPClient = url, a.client(t)
		cfg.Auth = map[string]string{"token": "expired"}
		var connect *socketio.ConnectError
		if err := refused(t, cfg); !errors.As(err, &connect) || connect.Message != "token expired" || string(connect.Data) != `{"code":7}` {
			t.Errorf("%s: expired token: %v", way, err)
		}
		cfg.Header = http.Header{"X-Refuse": {"1"}}
		var handshake *socketio.HandshakeError
		if err := refused(t, cfg); !errors.As(err, &handshake) || handshake.Status/100 != 4 || !strings.Contains(handshake.Body, "who are you") {
			t.Errorf("%s: refused handshake: %v", way, err)
		}
		cfg.Auth, cfg.Header = nil, http.Header{"Authorization": {"Bearer stale"}}
		if err := refused(t, cfg); !errors.As(err, &handshake) || handshake.Status/100 != 4 || !strings.Contains(handshake.Body, "stale token") {
			t.Errorf("%s: stale token: %v", way, err)
		}
		cfg.Header = http.Header{"Authorization": {"Bearer fresh"}}
		if err := dial(t, cfg).Close(); err != nil {
			t.Errorf("%s: fresh token: %v", way, err)
		}
		cfg.HTTPClient = client(t)
		if err := refused(t, cfg); errors.As(err, &handshake) || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("%s: a root that is not trusted: %v", way, err)
		}
	}
}

// testRestart expects the death of the server to end the session, and the next dial to find the new one. Of what stands
// before it comes an answer meanwhile.
func testRestart(t *testing.T, f *foreignServer, url string, a *authority, ways map[string]socketio.Config) {
	for way, cfg := range ways {
		cfg.URL, cfg.HTTPClient = url, a.client(t)
		c := dial(t, cfg)
		f.stop()
		take(t, "end", c.Done())
		if errors.Is(c.Err(), socketio.ErrPingTimeout) {
			t.Errorf("%s: the end was noticed late: %v", way, c.Err())
		}
		err := refused(t, cfg)
		if handshake := new(socketio.HandshakeError); errors.As(err, &handshake) && (url == f.url() || handshake.Status != http.StatusBadGateway) {
			t.Errorf("%s: without a server: %v", way, err)
		}
		f.start()
		if got, err := dial(t, cfg).Call(bounded(t), "echo", 1); err != nil || string(got[0]) != "1" {
			t.Errorf("%s: after the restart: %s, %v", way, got, err)
		}
	}
}
