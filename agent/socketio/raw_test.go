package socketio_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// raw is the bare websocket of a peer that a test plays itself.
type raw struct {
	t  testing.TB
	ws *websocket.Conn
}

func (r raw) say(ss ...string) {
	for _, s := range ss {
		if err := r.ws.Write(r.t.Context(), websocket.MessageText, []byte(s)); err != nil {
			return // what the session made of it is what the test looks at
		}
	}
}

// hear returns the next text, or "" at the end.
func (r raw) hear() string {
	_, b, err := r.ws.Read(r.t.Context())
	if err != nil {
		return ""
	}
	return string(b)
}

const opening = `0{"sid":"s","upgrades":[],"pingInterval":%d,"pingTimeout":%d,"maxPayload":100000000}`

// playServer returns the address of a server that opens a session, with these ping times in milliseconds, and then
// plays its part.
func playServer(t testing.TB, interval, timeout int, part func(raw)) string {
	return mount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		p := raw{t, ws}
		p.say(fmt.Sprintf(opening, interval, timeout))
		part(p)
	}))
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []socketio.Config{
		{},
		{URL: "localhost:80"},
		{URL: "ftp://h"},
		{URL: "http://"},
		{URL: "http://h/path"},
		{URL: "http://h", Namespace: "n"},
		{URL: "http://h", Namespace: "/a,b"},
		{URL: "http://h", MaxPayload: -1},
		{URL: "http://h", Auth: make(chan int)},
	} {
		if err := refused(t, cfg); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// TestSilentPeer dials peers that take the connection and never answer, each at another step.
func TestSilentPeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	hang := mount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	mute := playServer(t, 25000, 20000, func(p raw) { p.hear(); p.hear() })
	for name, url := range map[string]string{"tcp": "http://" + l.Addr().String(), "http": hang, "socket.io": mute} {
		for way, cfg := range ways {
			if name == "socket.io" && cfg.Polling {
				continue
			}
			cfg.URL, cfg.ConnectTimeout = url, 50*time.Millisecond
			if err := refused(t, cfg); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s over %s: %v", name, way, err)
			}
		}
	}
}

func TestDialCancelled(t *testing.T) {
	hang := mount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := socketio.Dial(ctx, socketio.Config{URL: hang, HTTPClient: client(t)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestDeadPeer expects the end of a session whose peer has gone without a word.
func TestDeadPeer(t *testing.T) {
	t.Run("websocket", func(t *testing.T) {
		url := playServer(t, 30, 30, func(p raw) { p.hear(); p.say(`40{"sid":"x"}`); p.hear(); p.hear(); p.hear() })
		expectDead(t, socketio.Config{URL: url})
	})
	t.Run("polling", func(t *testing.T) {
		gets := make(chan string, 2)
		gets <- fmt.Sprintf(opening, 30, 30)
		gets <- `40{"sid":"x"}`
		url := mount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				return
			}
			select {
			case s := <-gets:
				io.WriteString(w, s)
			case <-r.Context().Done():
			}
		}))
		expectDead(t, socketio.Config{URL: url, Polling: true})
	})
}

func expectDead(t *testing.T, cfg socketio.Config) {
	c := dial(t, cfg)
	sent, err := c.Send(bounded(t), "hello")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Call(bounded(t), "hello"); !errors.Is(err, socketio.ErrPingTimeout) || !errors.Is(err, socketio.ErrClosed) {
		t.Errorf("call: %v", err)
	}
	take(t, "end", c.Done())
	if !errors.Is(c.Err(), socketio.ErrPingTimeout) {
		t.Errorf("ended with %v", c.Err())
	}
	if err := sent.Received(bounded(t)); !errors.Is(err, socketio.ErrPingTimeout) {
		t.Errorf("received: %v", err)
	}
	if _, err := c.Send(bounded(t), "hello"); !errors.Is(err, socketio.ErrPingTimeout) {
		t.Errorf("send: %v", err)
	}
}

// TestStalledPeer expects a session to end when its peer pings but takes nothing.
func TestStalledPeer(t *testing.T) {
	release := make(chan struct{})
	url := playServer(t, 25000, 20000, func(p raw) { p.hear(); p.say(`40{"sid":"x"}`); <-release })
	defer close(release)
	c := dial(t, socketio.Config{URL: url, WriteTimeout: 50 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	gave := make(chan error, 1)
	go func() { gave <- c.Emit(ctx, "big", strings.Repeat("x", 900_000)) }()
	for i := 0; ; i++ {
		if err := c.Emit(bounded(t), "big", strings.Repeat("x", 900_000)); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, socketio.ErrClosed) {
				t.Errorf("emit: %v", err)
			}
			break
		}
	}
	cancel()
	take(t, "answer", gave)
	take(t, "end", c.Done())
	if !errors.Is(c.Err(), os.ErrDeadlineExceeded) {
		t.Errorf("ended with %v", c.Err())
	}
}

// TestEmitGivesUp expects the end of a caller's context to free the caller and leave the session whole.
func TestEmitGivesUp(t *testing.T) {
	release := make(chan struct{})
	got := make(chan string, 100)
	url := playServer(t, 25000, 20000, func(p raw) {
		p.hear()
		p.say(`40{"sid":"x"}`)
		<-release
		p.ws.SetReadLimit(-1)
		for s := p.hear(); s != ""; s = p.hear() {
			got <- s[:min(len(s), 12)]
		}
	})
	c := dial(t, socketio.Config{URL: url})
	var err error
	for err == nil { // until the peer's buffers are full
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err = c.Emit(ctx, "fill", strings.Repeat("x", 900_000))
		cancel()
	}
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, socketio.ErrClosed) {
		t.Errorf("emit: %v", err)
	}
	close(release)
	if err := c.Emit(bounded(t), "after"); err != nil {
		t.Fatal(err)
	}
	for s := range got {
		if s == `42["after"]` {
			break
		}
	}
}

// TestFarewell expects Close to say 41 and 1 and to close the websocket in order, and what waits to be told.
func TestFarewell(t *testing.T) {
	said := make(chan string, 10)
	url := playServer(t, 25000, 20000, func(p raw) {
		p.hear()
		p.say(`40/n,{"sid":"x"}`)
		for {
			_, b, err := p.ws.Read(t.Context())
			if err != nil {
				said <- fmt.Sprint(websocket.CloseStatus(err))
				return
			}
			said <- string(b)
		}
	})
	c := dial(t, socketio.Config{URL: url, Namespace: "/n"})
	called := make(chan error, 1)
	go func() { _, err := c.Call(bounded(t), "e"); called <- err }()
	if s := take(t, "event", said); s != `42/n,0["e"]` {
		t.Errorf("heard %s", s)
	}
	c.Close()
	for _, want := range []string{"41/n,", "1", "StatusNormalClosure"} {
		if s := take(t, "farewell", said); s != want {
			t.Errorf("heard %q, want %q", s, want)
		}
	}
	if err := take(t, "answer", called); !errors.Is(err, socketio.ErrClosed) {
		t.Errorf("call: %v", err)
	}
	if c.Err() != socketio.ErrClosed {
		t.Errorf("ended with %v", c.Err())
	}
	if err := c.Emit(bounded(t), "e"); !errors.Is(err, socketio.ErrClosed) {
		t.Errorf("emit: %v", err)
	}
	c.Close() // again
}

// TestCloseOfADeadLine expects Close to return although the peer answers nothing.
func TestCloseOfADeadLine(t *testing.T) {
	release := make(chan struct{})
	url := playServer(t, 25000, 20000, func(p raw) { p.hear(); p.say(`40{"sid":"x"}`); <-release })
	defer close(release)
	c := dial(t, socketio.Config{URL: url})
	closed := make(chan error, 2)
	go func() { closed <- c.Close() }()
	go func() { closed <- c.Close() }()
	take(t, "return", closed)
	take(t, "return", closed)
	if c.Err() != socketio.ErrClosed {
		t.Errorf("ended with %v", c.Err())
	}
}

// TestServerBreaksProtocol plays servers that say what they must not.
func TestServerBreaksProtocol(t *testing.T) {
	for _, s := range []string{
		"", "0{}", "3", "5", "9", "4", "47", `42`, `42["a"`, `43[]`, `451-["a"]` + "\x00" + `42["b"]`, "40", "40{}", "44",
	} {
		url := playServer(t, 25000, 20000, func(p raw) {
			p.hear()
			p.say(`40{"sid":"x"}`)
			p.say(strings.Split(s, "\x00")...)
			p.hear()
		})
		c := dial(t, socketio.Config{URL: url})
		take(t, "end", c.Done())
		if !errors.Is(c.Err(), socketio.ErrProtocol) {
			t.Errorf("after %q: %v", s, c.Err())
		}
	}
}

func TestOpeningBreaksProtocol(t *testing.T) {
	for _, s := range []string{"", "1", "40", `0{}`, `0{"sid":"s"}`, `0{"sid":"s","pingInterval":-1,"pingTimeout":1}`} {
		url := mount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("transport") == "polling" {
				io.WriteString(w, s)
				return
			}
			ws, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			defer ws.CloseNow()
			raw{t, ws}.say(s)
			ws.Read(r.Context())
		}))
		for _, cfg := range ways {
			cfg.URL = url
			if err := refused(t, cfg); !errors.Is(err, socketio.ErrProtocol) {
				t.Errorf("after %q: %v", s, err)
			}
		}
	}
}

// TestPeerLeaves tells the peer's ways to end a session apart.
func TestPeerLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		part func(raw)
		want error
	}{
		"namespace": {func(p raw) { p.say("41"); p.hear() }, socketio.ErrClosed},
		"engine":    {func(p raw) { p.say("1"); p.hear() }, socketio.ErrClosed},
		"websocket": {func(p raw) { p.ws.Close(websocket.StatusGoingAway, "") }, socketio.ErrClosed},
		"too big":   {func(p raw) { p.ws.Close(websocket.StatusMessageTooBig, "") }, socketio.ErrTooLarge},
		"abruptly":  {func(p raw) { p.ws.CloseNow() }, io.EOF},
	} {
		url := playServer(t, 25000, 20000, func(p raw) {
			p.hear()
			p.say(`40{"sid":"x"}`, `42["last"]`)
			c.part(p)
		})
		onEvent, events := inbox(1)
		conn := dial(t, socketio.Config{URL: url, OnEvent: onEvent})
		take(t, "end", conn.Done())
		if !errors.Is(conn.Err(), c.want) || c.want != socketio.ErrClosed && errors.Is(conn.Err(), socketio.ErrClosed) {
			t.Errorf("%s: ended with %v", name, conn.Err())
		}
		if m := take(t, "event that came before the end", events); m.Event != "last" {
			t.Errorf("%s: event %q", name, m.Event)
		}
	}
}

// TestRefusedRequests expects the numbers of Engine.IO's own servers.
func TestRefusedRequests(t *testing.T) {
	server, url := serve(t, socketio.ServerConfig{MaxPayload: 100})
	hc := client(t)
	do := func(method, query, body string) string {
		req, err := http.NewRequestWithContext(bounded(t), method, url+"/socket.io/?"+query, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := hc.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, _ := io.ReadAll(answer.Body)
		return fmt.Sprintf("%d %s", answer.StatusCode, strings.TrimSpace(string(b)))
	}
	open := do("GET", "EIO=4&transport=polling", "")
	_, sid, _ := strings.Cut(open, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	session := "EIO=4&transport=polling&sid=" + sid
	for _, c := range []struct{ method, query, body, want string }{
		{"GET", "EIO=3&transport=polling", "", `400 {"code":5,"message":"Unsupported protocol version"}`},
		{"GET", "EIO=4&transport=pigeon", "", `400 {"code":0,"message":"Transport unknown"}`},
		{"GET", "EIO=4&transport=polling&sid=none", "", `400 {"code":1,"message":"Session ID unknown"}`},
		{"POST", "EIO=4&transport=polling", "", `400 {"code":2,"message":"Bad handshake method"}`},
		{"PUT", session, "", `405 method not allowed`},
		{"POST", session, strings.Repeat("x", 101), `413 payload too large`},
		{"POST", session, "40", `200 ok`},
		{"POST", session, "49", `400 {"code":3,"message":"Bad request"}`},
		{"POST", session, "40", `400 {"code":1,"message":"Session ID unknown"}`},
	} {
		if c.body == "40" && c.want[0] == '4' {
			eventually(t, "the broken session is gone", func() bool { return len(server.Sockets()) == 0 })
		}
		if got := do(c.method, c.query, c.body); got != c.want {
			t.Errorf("%s %s %.9q: %s, want %s", c.method, c.query, c.body, got, c.want)
		}
	}
}

// playClient opens a bare websocket session with a server of ours.
func playClient(t testing.TB, url string) raw {
	ws, _, err := websocket.Dial(bounded(t), url+"/socket.io/?EIO=4&transport=websocket", &websocket.DialOptions{HTTPClient: client(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	r := raw{t, ws}
	if s := r.hear(); !strings.HasPrefix(s, "0{") || !strings.Contains(s, `"upgrades":[]`) {
		t.Fatalf("session begins with %s", s)
	}
	return r
}

// TestClientBreaksProtocol plays clients that say what they must not.
func TestClientBreaksProtocol(t *testing.T) {
	gone := make(chan error, 1)
	_, url := serve(t, socketio.ServerConfig{OnDisconnect: func(_ *socketio.Socket, err error) { gone <- err }})
	for _, s := range []string{"", "0", "2", "9", "4", "42", `44{"message":"x"}`, `42["a"`, `451-["a"]` + "\x00" + `42["b"]`} {
		c := playClient(t, url)
		c.say("40")
		if got := c.hear(); !strings.HasPrefix(got, `40{"sid":"`) {
			t.Fatalf("CONNECT answered by %s", got)
		}
		c.say(strings.Split(s, "\x00")...)
		if err := take(t, "disconnection", gone); !errors.Is(err, socketio.ErrProtocol) {
			t.Errorf("after %q: %v", s, err)
		}
	}
}

// TestMuteClient expects the server to notice a client that has gone, and one that never asked for a namespace.
func TestMuteClient(t *testing.T) {
	gone := make(chan error, 1)
	_, url := serve(t, socketio.ServerConfig{
		PingInterval: 20 * time.Millisecond, PingTimeout: 20 * time.Millisecond,
		OnDisconnect: func(_ *socketio.Socket, err error) { gone <- err },
	})
	c := playClient(t, url)
	c.say("40")
	c.hear()
	if err := take(t, "disconnection", gone); !errors.Is(err, socketio.ErrPingTimeout) {
		t.Errorf("disconnected by %v", err)
	}
	_, url = serve(t, socketio.ServerConfig{ConnectTimeout: 20 * time.Millisecond})
	c = playClient(t, url)
	if got := c.hear(); got != "1" {
		t.Errorf("a session without a namespace heard %q", got)
	}
}

// TestManyNamespaces expects a bound to what one client makes the server keep.
func TestManyNamespaces(t *testing.T) {
	_, url := serve(t, socketio.ServerConfig{})
	c := playClient(t, url)
	for i := range 17 {
		c.say(fmt.Sprintf("40/n%d,", i))
		if got := c.hear(); strings.HasPrefix(got, fmt.Sprintf("44/n%d,", i)) != (i == 16) {
			t.Errorf("namespace %d answered by %s", i, got)
		}
	}
	c.say("41/n0,", "40/n16,")
	if got := c.hear(); !strings.HasPrefix(got, "40/n16,") {
		t.Errorf("after one has left: %s", got)
	}
}

// TestFarBehind expects a broadcast to end a session that takes nothing, and to wait for none.
func TestFarBehind(t *testing.T) {
	gone := make(chan error, 1)
	connected := make(chan struct{}, 1)
	server, url := serve(t, socketio.ServerConfig{
		OnConnect:    func(*socketio.Socket) { connected <- struct{}{} },
		OnDisconnect: func(_ *socketio.Socket, err error) { gone <- err },
	})
	hc := client(t)
	answer, err := hc.Get(url + "/?EIO=4&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := bufio.NewReader(answer.Body).ReadString('}')
	answer.Body.Close()
	_, sid, _ := strings.Cut(s, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	answer, err = hc.Post(url+"/?EIO=4&transport=polling&sid="+sid, "text/plain", strings.NewReader("40"))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	take(t, "connection", connected)
	for i := 0; len(gone) == 0; i++ {
		if i > 10_000 {
			t.Fatal("nobody was given up")
		}
		if err := server.Broadcast("news", i); err != nil {
			t.Fatal(err)
		}
	}
	if err := take(t, "disconnection", gone); !errors.Is(err, socketio.ErrClosed) || !strings.Contains(err.Error(), "behind") {
		t.Errorf("disconnected by %v", err)
	}
}

// TestServerLeaves covers the server's ways to end a session.
func TestServerLeaves(t *testing.T) {
	for name, cfg := range ways {
		t.Run(name, func(t *testing.T) {
			gone := make(chan error, 2)
			server, url := serve(t, socketio.ServerConfig{
				OnEvent: func(s *socketio.Socket, _ socketio.Message) {
					s.Emit("last")
					s.Close()
					if err := s.Emit("too late"); !errors.Is(err, socketio.ErrClosed) {
						t.Errorf("emit after close: %v", err)
					}
				},
				OnDisconnect: func(_ *socketio.Socket, err error) { gone <- err },
			})
			var events <-chan socketio.Message
			cfg.URL = url
			cfg.OnEvent, events = inbox(1)
			kicked := dial(t, cfg)
			if err := kicked.Emit(bounded(t), "kick me"); err != nil && !errors.Is(err, socketio.ErrClosed) {
				t.Fatal(err) // by polling the kick can overtake the answer to the POST
			}
			take(t, "end", kicked.Done())
			if m := take(t, "event", events); m.Event != "last" || !errors.Is(kicked.Err(), socketio.ErrClosed) {
				t.Errorf("event %q, ended with %v", m.Event, kicked.Err())
			}
			other := dial(t, cfg)
			server.Close()
			take(t, "end", other.Done())
			if other.Transport() == "websocket" && !errors.Is(other.Err(), socketio.ErrClosed) {
				t.Errorf("after the server's close: %v", other.Err()) // polling knows only that it is refused
			}
			for range 2 {
				if err := take(t, "disconnection", gone); !errors.Is(err, socketio.ErrClosed) {
					t.Errorf("disconnected by %v", err)
				}
			}
			var refusal *socketio.HandshakeError
			if err := refused(t, cfg); !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable {
				t.Errorf("a dial after the close: %v", err)
			}
		})
	}
}

// TestCallbacksInOrder expects one socket's callbacks never to overlap.
func TestCallbacksInOrder(t *testing.T) {
	var log []string // unguarded: the race detector sees an overlap
	done := make(chan struct{})
	_, url := serve(t, socketio.ServerConfig{
		OnConnect:    func(s *socketio.Socket) { log = append(log, "connect "+s.Namespace()) },
		OnEvent:      func(_ *socketio.Socket, m socketio.Message) { log = append(log, m.Event) },
		OnDisconnect: func(*socketio.Socket, error) { log = append(log, "disconnect"); close(done) },
	})
	c := dial(t, socketio.Config{URL: url, Namespace: "/n"})
	for _, e := range []string{"a", "b", "c"} {
		if err := c.Emit(bounded(t), e); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	take(t, "disconnection", done)
	if want := []string{"connect /n", "a", "b", "c", "disconnect"}; !slices.Equal(log, want) {
		t.Errorf("callbacks %q, want %q", log, want)
	}
}
