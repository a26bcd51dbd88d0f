package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// poller is a bare polling client of a server of ours.
type poller struct {
	t    testing.TB
	http *http.Client
	url  string
}

// playPoller opens a session and connects to its namespace.
func playPoller(t testing.TB, url string) *poller {
	p := &poller{t, client(t), url + "/socket.io/?EIO=4&transport=polling"}
	_, open := p.do(bounded(t), http.MethodGet, "")
	_, sid, _ := strings.Cut(open, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	p.url += "&sid=" + sid
	if _, s := p.do(bounded(t), http.MethodPost, "40"); s != "ok" {
		t.Fatalf("CONNECT was answered by %s", s)
	}
	if _, s := p.do(bounded(t), http.MethodGet, ""); !strings.HasPrefix(s, `40{"sid":"`) {
		t.Fatalf("CONNECT was answered by %s", s)
	}
	return p
}

func (p *poller) do(ctx context.Context, method, body string) (int, string) {
	req, err := http.NewRequestWithContext(ctx, method, p.url, strings.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return 0, ""
	}
	answer, err := p.http.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Error(err)
	}
	return answer.StatusCode, string(b)
}

// observed is a server of ours that tells what happens to it.
type observed struct {
	url         string
	sockets     chan *socketio.Socket
	gone        chan error
	begun, done chan string // the method of each request
}

func observe(t testing.TB) *observed {
	o := &observed{
		sockets: make(chan *socketio.Socket, 9), gone: make(chan error, 9), begun: make(chan string, 999), done: make(chan string, 999),
	}
	s := socketio.NewServer(socketio.ServerConfig{
		OnConnect:    func(s *socketio.Socket) { o.sockets <- s },
		OnDisconnect: func(_ *socketio.Socket, err error) { o.gone <- err },
		OnEvent:      parrot,
	})
	t.Cleanup(func() { s.Close() })
	o.url = mount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.begun <- r.Method
		s.ServeHTTP(w, r)
		o.done <- r.Method
	}))
	return o
}

// connect returns a poller that is connected, and its socket.
func (o *observed) connect(t testing.TB) (*poller, *socketio.Socket) {
	p := playPoller(t, o.url)
	for range 3 {
		take(t, "request", o.begun)
		take(t, "end of a request", o.done)
	}
	return p, take(t, "connection", o.sockets)
}

// TestAbandonedPoll expects a session to outlive a poll whose client hung up, and to lose nothing by it.
func TestAbandonedPoll(t *testing.T) {
	o := observe(t)
	p, peer := o.connect(t)
	ctx, cancel := context.WithCancel(bounded(t))
	hung := make(chan struct{})
	go func() { defer close(hung); p.do(ctx, http.MethodGet, "") }()
	take(t, "request", o.begun)
	cancel()
	take(t, "end of the poll", hung)
	take(t, "end of a request", o.done)
	if err := peer.Emit("e", 1); err != nil {
		t.Fatal(err)
	}
	if _, s := p.do(bounded(t), http.MethodGet, ""); s != `42["e",1]` {
		t.Errorf("polled %q", s)
	}
}

// TestOverlap expects the end of a session whose client polls or posts twice at once, as Engine.IO's servers do.
func TestOverlap(t *testing.T) {
	t.Run("polls", func(t *testing.T) {
		o := observe(t)
		p, _ := o.connect(t)
		first := make(chan string, 1)
		go func() { _, s := p.do(bounded(t), http.MethodGet, ""); first <- s }()
		take(t, "request", o.begun)
		var status int
		eventually(t, "two polls overlap", func() bool { // the first is begun, but may not wait yet
			status, _ = p.do(bounded(t), http.MethodGet, "")
			return status == http.StatusBadRequest
		})
		if s := take(t, "answer", first); s != "1" && !strings.Contains(s, "Bad request") {
			t.Errorf("the first poll was answered by %q", s)
		}
		if err := take(t, "disconnection", o.gone); !errors.Is(err, socketio.ErrProtocol) {
			t.Errorf("disconnected by %v", err)
		}
	})
	t.Run("posts", func(t *testing.T) {
		o := observe(t)
		p, _ := o.connect(t)
		body, w := io.Pipe()
		req, err := http.NewRequestWithContext(bounded(t), http.MethodPost, p.url, body)
		if err != nil {
			t.Fatal(err)
		}
		first := make(chan struct{})
		go func() {
			defer close(first)
			if answer, err := p.http.Do(req); err == nil {
				answer.Body.Close()
			}
		}()
		fmt.Fprint(w, `42["half`)
		take(t, "request", o.begun)
		eventually(t, "two posts overlap", func() bool {
			status, _ := p.do(bounded(t), http.MethodPost, `42["e"]`)
			return status == http.StatusBadRequest
		})
		if err := take(t, "disconnection", o.gone); !errors.Is(err, socketio.ErrProtocol) {
			t.Errorf("disconnected by %v", err)
		}
		w.CloseWithError(io.ErrUnexpectedEOF)
		take(t, "end of the first", first)
	})
}

// TestBadProbe expects a polling session to survive a websocket that does not know how to take over.
func TestBadProbe(t *testing.T) {
	p, peer := observe(t).connect(t)
	probe := func() (raw, *http.Response, error) {
		ws, answer, err := websocket.Dial(bounded(t), strings.Replace(p.url, "polling", "websocket", 1),
			&websocket.DialOptions{HTTPClient: p.http})
		if err == nil {
			t.Cleanup(func() { ws.CloseNow() })
		}
		return raw{t, ws}, answer, err
	}
	for _, words := range [][]string{{"hello"}, {"2probe", "4"}, {"2probe", "1"}} {
		var r raw
		var err error
		eventually(t, "the last probe is over", func() bool { r, _, err = probe(); return err == nil })
		r.say(words[0])
		if len(words) == 2 {
			if s := r.hear(); s != "3probe" {
				t.Errorf("a probe was answered by %q", s)
			}
			if _, answer, err := probe(); err == nil || answer.StatusCode != http.StatusBadRequest {
				t.Errorf("a second probe was let in: %v", err)
			}
			r.say(words[1])
		}
		r.hear() // its end
		if err := peer.Emit("e", 1); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the event came by polling", func() bool {
			_, s := p.do(bounded(t), http.MethodGet, "")
			if s != "6" && s != `42["e",1]` {
				t.Fatalf("polled %q", s)
			}
			return s != "6"
		})
	}
	if peer.Transport() != "polling" || peer.Request().URL.Query().Get("transport") != "polling" {
		t.Errorf("carried by %s", peer.Transport())
	}
}

// TestStalledPost expects the end of a session whose peer takes no POST.
func TestStalledPost(t *testing.T) {
	gets := make(chan string, 2)
	gets <- fmt.Sprintf(opening, 25000, 20000)
	gets <- `40{"sid":"x"}`
	connected := make(chan struct{}, 1)
	connected <- struct{}{}
	url := mount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			select {
			case <-connected:
				return
			default:
			}
			io.Copy(io.Discard, r.Body) // without this the server does not look for the client's end
			<-r.Context().Done()
			return
		}
		select {
		case s := <-gets:
			io.WriteString(w, s)
		case <-r.Context().Done():
		}
	}))
	c := dial(t, socketio.Config{URL: url, Polling: true, WriteTimeout: 50 * time.Millisecond})
	if err := c.Emit(bounded(t), "e"); !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, socketio.ErrClosed) {
		t.Errorf("emit: %v", err)
	}
	if !errors.Is(c.Err(), os.ErrDeadlineExceeded) {
		t.Errorf("ended with %v", c.Err())
	}
}

// TestPollRefused expects an HTTP refusal in mid-session, or an answer of nothing, to end it with what was said.
func TestPollRefused(t *testing.T) {
	for status, want := range map[int]error{
		http.StatusBadGateway: nil, http.StatusRequestEntityTooLarge: socketio.ErrTooLarge, http.StatusOK: socketio.ErrClosed,
	} {
		first := make(chan struct{}, 1)
		first <- struct{}{}
		url := mount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-first:
				fmt.Fprintf(w, opening+"\x1e"+`40{"sid":"x"}`, 25000, 20000)
			default:
				if r.Method == http.MethodPost && status != http.StatusRequestEntityTooLarge || status == http.StatusOK {
					return // with an empty body
				}
				http.Error(w, "the words", status)
			}
		}))
		c, err := socketio.Dial(bounded(t), socketio.Config{URL: url, Polling: true, HTTPClient: client(t)})
		if err == nil {
			take(t, "end", c.Done())
			err = c.Err()
			c.Close()
		}
		var handshake *socketio.HandshakeError
		if errors.As(err, &handshake) || want != nil && !errors.Is(err, want) || want == nil && !strings.Contains(err.Error(), "the words") {
			t.Errorf("HTTP %d: %v", status, err)
		}
	}
}
