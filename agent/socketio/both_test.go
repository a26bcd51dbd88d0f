package socketio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// parrot is a server whose sockets answer what they are told: "echo" by an acknowledgement, "shout" by an event.
func parrot(s *socketio.Socket, m socketio.Message) {
	vs, err := m.Values()
	if err != nil {
		panic(err)
	}
	switch m.Event {
	case "echo":
		m.Ack(vs...)
	case "shout":
		s.Emit("heard", vs...)
	}
}

// TestConversation runs every kind of exchange over every way to carry a session.
func TestConversation(t *testing.T) {
	for name, cfg := range ways {
		t.Run(name, func(t *testing.T) {
			connected := make(chan *socketio.Socket, 1)
			_, cfg.URL = serve(t, socketio.ServerConfig{
				PingInterval: 20 * time.Millisecond,
				OnConnect:    func(s *socketio.Socket) { connected <- s }, OnEvent: parrot,
			})
			var events <-chan socketio.Message
			cfg.OnEvent, events = inbox(2000)
			c := dial(t, cfg)
			peer := take(t, "connection", connected)
			if peer.ID() != c.ID() || c.ID() == "" {
				t.Errorf("the ID is %q here and %q there", c.ID(), peer.ID())
			}
			if name == "upgrade" {
				eventually(t, "the session moved to a websocket", func() bool { return c.Transport() == "websocket" })
			} else if c.Transport() != name || peer.Transport() != name {
				t.Errorf("carried by %s here, %s there", c.Transport(), peer.Transport())
			}
			testOrder(t, c, events)
			testFidelity(t, c)
			testBinary(t, c, events)
			testServerCalls(t, peer, events)
			received(t, c, "nobody")
		})
	}
}

func testOrder(t *testing.T, c *socketio.Conn, events <-chan socketio.Message) {
	const n = 300
	for i := range n {
		if err := c.Emit(bounded(t), "shout", i); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		m := take(t, "event", events)
		if m.Event != "heard" || string(m.Args[0]) != fmt.Sprint(i) || m.Ack != nil {
			t.Fatalf("event %d is %s %s", i, m.Event, m.Args)
		}
	}
}

func testFidelity(t *testing.T, c *socketio.Conn) {
	for _, want := range []string{`1.0`, `-0`, `1e2`, `12345678901234567890123`, `"<&> \" é\u0000 żółć 🦉"`, `{"b":[],"a":null}`} {
		got, err := c.Call(bounded(t), "echo", json.RawMessage(want))
		if err != nil || len(got) != 1 {
			t.Fatalf("echo of %s: %s, %v", want, got, err)
		}
		var a, b any
		if json.Unmarshal(got[0], &a) != nil || json.Unmarshal([]byte(want), &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s came back as %s", want, got[0])
		}
		if want[0] != '"' && string(got[0]) != want && want[0] != '{' {
			t.Errorf("the text of number %s came back as %s", want, got[0])
		}
	}
	if got, err := c.Call(bounded(t), "echo"); err != nil || len(got) != 0 {
		t.Errorf("an empty acknowledgement came as %s, %v", got, err)
	}
}

func testBinary(t *testing.T, c *socketio.Conn, events <-chan socketio.Message) {
	want := []any{
		socketio.Binary{0, 1, 0x1e, 255},
		"text",
		map[string]any{"deep": []any{socketio.Binary("second"), json.Number("1.50")}},
	}
	answer, err := c.CallMessage(bounded(t), "echo", want...)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := answer.Values(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("binary acknowledgement %v, %v; want %v", got, err, want)
	}
	if err := c.Emit(bounded(t), "shout", want...); err != nil {
		t.Fatal(err)
	}
	if got, err := take(t, "event", events).Values(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("binary event %v, %v; want %v", got, err, want)
	}
}

func testServerCalls(t *testing.T, peer *socketio.Socket, events <-chan socketio.Message) {
	type answer struct {
		args []json.RawMessage
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		args, err := peer.Call(bounded(t), "question", 41)
		answers <- answer{args, err}
	}()
	m := take(t, "question", events)
	if m.Event != "question" || string(m.Args[0]) != "41" || m.Ack == nil {
		t.Fatalf("question came as %+v", m)
	}
	if err := m.Ack("42", nil); err != nil {
		t.Fatal(err)
	}
	if err := m.Ack("43"); err == nil {
		t.Error("a second acknowledgement was accepted")
	}
	if a := take(t, "answer", answers); a.err != nil || len(a.args) != 2 || string(a.args[0]) != `"42"` {
		t.Errorf("answer %s, %v", a.args, a.err)
	}
}

// TestUpgradeKeepsOrder expects the move from polling to a websocket, in the middle of traffic both ways, to lose and
// to reorder nothing.
func TestUpgradeKeepsOrder(t *testing.T) {
	const n, sessions = 200, 20
	got := make(chan string, n)
	_, url := serve(t, socketio.ServerConfig{
		OnConnect: func(s *socketio.Socket) {
			go func() {
				for i := range n {
					s.Emit("down", i, socketio.Binary("b"))
				}
			}()
		},
		OnEvent: func(_ *socketio.Socket, m socketio.Message) { got <- string(m.Args[0]) },
	})
	for range sessions {
		onEvent, events := inbox(n)
		c := dial(t, socketio.Config{URL: url, Polling: true, OnEvent: onEvent})
		go func() {
			for i := range n {
				if err := c.Emit(bounded(t), "up", i, socketio.Binary("b")); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		for i := range n {
			if up, down := take(t, "event", got), take(t, "event", events).Args[0]; up != fmt.Sprint(i) || string(down) != up {
				t.Fatalf("event %d came up as %s, down as %s", i, up, down)
			}
		}
		eventually(t, "the session moved to a websocket", func() bool { return c.Transport() == "websocket" })
		c.Close()
	}
}

// TestManyDials expects every session to open, and its first words to arrive.
func TestManyDials(t *testing.T) {
	_, url := serve(t, socketio.ServerConfig{OnEvent: parrot})
	for name, cfg := range ways {
		t.Run(name, func(t *testing.T) {
			cfg.URL, cfg.HTTPClient = url, client(t)
			for i := range 100 {
				c := dial(t, cfg)
				if got, err := c.Call(bounded(t), "echo", i); err != nil || string(got[0]) != fmt.Sprint(i) {
					t.Fatalf("session %d: %s, %v", i, got, err)
				}
				if err := c.Close(); err != nil || c.Err() != socketio.ErrClosed {
					t.Fatalf("session %d closed with %v, ended with %v", i, err, c.Err())
				}
			}
		})
	}
}

// TestLarge carries many fragments both ways: 20 MB as bytes, less as text, whose parsing the race detector slows
// down. The interop tests carry 20 MB of text.
func TestLarge(t *testing.T) {
	big := json.RawMessage(`"` + strings.Repeat("borealis", 2_000_000/8) + `"`)
	bytesOf := bytes.Repeat([]byte("\x00\x1e\xff!"), 20_000_000/4)
	for name, cfg := range ways {
		t.Run(name, func(t *testing.T) {
			_, cfg.URL = serve(t, socketio.ServerConfig{OnEvent: func(_ *socketio.Socket, m socketio.Message) {
				if len(m.Attachments) > 0 {
					m.Ack(socketio.Binary(m.Attachments[0]))
					return
				}
				m.Ack(m.Args[0])
			}})
			c := dial(t, cfg)
			if got, err := c.Call(bounded(t), "large", big); err != nil || !bytes.Equal(got[0], big) {
				t.Errorf("text came back changed, or not: %v", err)
			}
			m, err := c.CallMessage(bounded(t), "large", socketio.Binary(bytesOf))
			if err != nil || len(m.Attachments) != 1 || !bytes.Equal(m.Attachments[0], bytesOf) {
				t.Errorf("bytes came back changed, or not: %v", err)
			}
		})
	}
}

func TestTooLargeToSend(t *testing.T) {
	for name, cfg := range ways {
		t.Run(name, func(t *testing.T) {
			connected := make(chan *socketio.Socket, 1)
			_, cfg.URL = serve(t, socketio.ServerConfig{
				MaxPayload: 5000, OnConnect: func(s *socketio.Socket) { connected <- s }, OnEvent: parrot,
			})
			c := dial(t, cfg)
			peer := take(t, "connection", connected)
			for what, arg := range map[string]any{"text": strings.Repeat("x", 5001), "bytes": make(socketio.Binary, 5001)} {
				if err := c.Emit(bounded(t), "shout", arg); !errors.Is(err, socketio.ErrTooLarge) {
					t.Errorf("emit of too much %s: %v", what, err)
				}
				if err := peer.Emit("shout", arg); !errors.Is(err, socketio.ErrTooLarge) {
					t.Errorf("server's emit of too much %s: %v", what, err)
				}
			}
			if got, err := c.Call(bounded(t), "echo", "still here"); err != nil || str(t, got[0]) != "still here" {
				t.Errorf("after that: %s, %v", got, err)
			}
		})
	}
}

func TestTooLargeToReceive(t *testing.T) {
	for name, cfg := range ways {
		t.Run(name, func(t *testing.T) {
			_, cfg.URL = serve(t, socketio.ServerConfig{
				OnEvent: func(s *socketio.Socket, _ socketio.Message) { s.Emit("big", strings.Repeat("x", 3000)) },
			})
			cfg.MaxPayload = 1000
			c := dial(t, cfg)
			c.Emit(bounded(t), "go") // by polling the end can overtake the answer to the POST
			take(t, "end", c.Done())
			if !errors.Is(c.Err(), socketio.ErrTooLarge) {
				t.Errorf("session ended with %v", c.Err())
			}
			if err := c.Emit(bounded(t), "e"); !errors.Is(err, socketio.ErrClosed) || !errors.Is(err, socketio.ErrTooLarge) {
				t.Errorf("emit on the ended session: %v", err)
			}
		})
	}
}

func TestNamespaceRefused(t *testing.T) {
	_, url := serve(t, socketio.ServerConfig{
		Authorize: func(r *http.Request, namespace string, auth json.RawMessage) error {
			switch {
			case namespace != "/n":
				return errors.New("no such namespace")
			case string(auth) != `{"token":"good"}`:
				return &socketio.ConnectError{Message: "expired", Data: json.RawMessage(`{"code":7}`)}
			}
			return nil
		},
		OnEvent: parrot,
	})
	for name, cfg := range ways {
		t.Run(name, func(t *testing.T) {
			cfg.URL = url
			var refusal *socketio.ConnectError
			if err := refused(t, cfg); !errors.As(err, &refusal) || refusal.Message != "no such namespace" || refusal.Data != nil {
				t.Errorf("wrong namespace: %v", err)
			}
			cfg.Namespace, cfg.Auth = "/n", map[string]string{"token": "bad"}
			if err := refused(t, cfg); !errors.As(err, &refusal) || refusal.Message != "expired" || string(refusal.Data) != `{"code":7}` {
				t.Errorf("expired token: %v", err)
			}
			cfg.Auth = map[string]string{"token": "good"}
			c := dial(t, cfg)
			if got, err := c.Call(bounded(t), "echo", 1); err != nil || string(got[0]) != "1" {
				t.Errorf("good token: %s, %v", got, err)
			}
		})
	}
}

func TestHandshakeRefused(t *testing.T) {
	url := mount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "who are you, "+r.Header.Get("Authorization"), http.StatusUnauthorized)
	}))
	for name, cfg := range ways {
		t.Run(name, func(t *testing.T) {
			cfg.URL, cfg.Header = url, http.Header{"Authorization": {"Bearer x"}}
			var refusal *socketio.HandshakeError
			err := refused(t, cfg)
			if !errors.As(err, &refusal) || refusal.Status != 401 || refusal.Body != "who are you, Bearer x\n" {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestHeader expects the header with every request: an Engine may check each.
func TestHeader(t *testing.T) {
	server := socketio.NewServer(socketio.ServerConfig{OnEvent: parrot})
	defer server.Close()
	var all, bad atomic.Int32
	url := mount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all.Add(1)
		if r.Header.Get("Authorization") != "Bearer x" || r.URL.Path != "/elsewhere/" || r.URL.Query().Get("k") != "v" {
			bad.Add(1)
		}
		server.ServeHTTP(w, r)
	}))
	c := dial(t, socketio.Config{
		URL: url + "?k=v", Path: "/elsewhere/", Polling: true, Header: http.Header{"Authorization": {"Bearer x"}},
	})
	eventually(t, "the session moved to a websocket", func() bool { return c.Transport() == "websocket" })
	if all.Load() < 4 || bad.Load() != 0 {
		t.Errorf("%d of %d requests came without their header, path or query", bad.Load(), all.Load())
	}
}

// TestUpgradeRefused expects a session to go on by polling where websockets do not pass.
func TestUpgradeRefused(t *testing.T) {
	server := socketio.NewServer(socketio.ServerConfig{PingInterval: 20 * time.Millisecond, OnEvent: parrot})
	defer server.Close()
	asked := make(chan struct{}, 1)
	url := mount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("transport") == "websocket" {
			http.Error(w, "no websockets here", http.StatusForbidden)
			asked <- struct{}{}
			return
		}
		server.ServeHTTP(w, r)
	}))
	c := dial(t, socketio.Config{URL: url, Polling: true})
	take(t, "upgrade request", asked)
	for range 3 {
		received(t, c, "nobody")
		if got, err := c.Call(bounded(t), "echo", 1); err != nil || string(got[0]) != "1" {
			t.Fatalf("%s, %v", got, err)
		}
	}
	if c.Transport() != "polling" {
		t.Errorf("carried by %s", c.Transport())
	}
}

// TestSlowHandler expects acknowledgements and pings to pass a handler that does not return.
func TestSlowHandler(t *testing.T) {
	for name, cfg := range ways {
		t.Run(name, func(t *testing.T) {
			_, cfg.URL = serve(t, socketio.ServerConfig{
				PingInterval: 10 * time.Millisecond, OnEvent: parrot,
				OnConnect: func(s *socketio.Socket) { s.Emit("first"); s.Emit("second") },
			})
			started, release := make(chan struct{}, 2), make(chan struct{})
			cfg.OnEvent = func(socketio.Message) { started <- struct{}{}; <-release }
			c := dial(t, cfg)
			defer close(release)
			take(t, "event", started)
			if got, err := c.Call(bounded(t), "echo", 1); err != nil || string(got[0]) != "1" {
				t.Errorf("call: %s, %v", got, err)
			}
			received(t, c, "nobody")
			if len(started) != 0 {
				t.Error("two events were handled at once")
			}
		})
	}
}

// TestFullQueue expects events past the queue's length to wait at the peer, and none to be lost.
func TestFullQueue(t *testing.T) {
	for name, cfg := range ways {
		t.Run(name, func(t *testing.T) {
			const n = 500
			_, cfg.URL = serve(t, socketio.ServerConfig{OnEvent: parrot, OnConnect: func(s *socketio.Socket) {
				for i := range n {
					s.Emit("n", i)
				}
			}})
			release, got := make(chan struct{}), make(chan string, n)
			cfg.QueueLen = 2
			cfg.OnEvent = func(m socketio.Message) { <-release; got <- string(m.Args[0]) }
			c := dial(t, cfg)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := c.Call(ctx, "echo"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a call behind a full queue: %v", err)
			}
			close(release)
			for i := range n {
				if s := take(t, "event", got); s != fmt.Sprint(i) {
					t.Fatalf("event %d is %s", i, s)
				}
			}
		})
	}
}

func TestBroadcast(t *testing.T) {
	server, url := serve(t, socketio.ServerConfig{})
	var all []<-chan socketio.Message
	for _, cfg := range ways {
		for _, namespace := range []string{"/", "/n"} {
			cfg.URL, cfg.Namespace = url, namespace
			var events <-chan socketio.Message
			cfg.OnEvent, events = inbox(1)
			dial(t, cfg)
			all = append(all, events)
		}
	}
	eventually(t, "all are connected", func() bool { return len(server.Sockets()) == len(all) })
	if err := server.Broadcast("news", map[string]any{"n": 1, "b": socketio.Binary("b")}); err != nil {
		t.Fatal(err)
	}
	for _, events := range all {
		vs, err := take(t, "event", events).Values()
		if want := []any{map[string]any{"n": json.Number("1"), "b": socketio.Binary("b")}}; err != nil || !reflect.DeepEqual(vs, want) {
			t.Errorf("got %v, %v", vs, err)
		}
	}
	if err := server.Broadcast("disconnect"); err == nil {
		t.Error("a reserved name was accepted")
	}
}
