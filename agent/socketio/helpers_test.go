package socketio_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// soon bounds every wait of these tests; nothing is expected to take that long, but for a machine that is busy.
const soon = 3 * time.Minute

// ways are the three ways in which a session can be carried.
var ways = map[string]socketio.Config{
	"websocket": {},
	"polling":   {Polling: true, NoUpgrade: true},
	"upgrade":   {Polling: true},
}

// bounded returns a context that ends with the test, or when it takes too long.
func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	t.Cleanup(cancel)
	return ctx
}

// serve runs a server of ours on loopback and returns its address.
func serve(t testing.TB, cfg socketio.ServerConfig) (*socketio.Server, string) {
	s := socketio.NewServer(cfg)
	return s, mount(t, s)
}

func mount(t testing.TB, h http.Handler) string {
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		if s, ok := h.(*socketio.Server); ok {
			s.Close()
		}
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv.URL
}

// client returns an HTTP client whose connections end with the test.
func client(t testing.TB) *http.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// dial opens a session that ends with the test.
func dial(t testing.TB, cfg socketio.Config) *socketio.Conn {
	t.Helper()
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = client(t)
	}
	c, err := socketio.Dial(bounded(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// received sends an event and waits for the proof that it was received.
func received(t testing.TB, c *socketio.Conn, event string) {
	t.Helper()
	sent, err := c.Send(bounded(t), event)
	if err != nil {
		t.Fatal(err)
	}
	if err := sent.Received(bounded(t)); err != nil {
		t.Error(err)
	}
}

// refused dials and returns the error, which there must be.
func refused(t testing.TB, cfg socketio.Config) error {
	t.Helper()
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = client(t)
	}
	c, err := socketio.Dial(bounded(t), cfg)
	if err == nil {
		c.Close()
		t.Fatal("the dial succeeded")
	}
	return err
}

// take receives from ch, within bounds.
func take[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(soon):
		t.Fatalf("no %s came", what)
		panic("unreachable")
	}
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to pass that %s", what)
		}
	}
}

// str decodes a JSON string.
func str(t testing.TB, raw json.RawMessage) string {
	t.Helper()
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("%.60s: %v", raw, err)
	}
	return s
}

// inbox returns a handler and the channel on which what it gets arrives.
func inbox(n int) (func(socketio.Message), <-chan socketio.Message) {
	ch := make(chan socketio.Message, n)
	return func(m socketio.Message) { ch <- m }, ch
}
