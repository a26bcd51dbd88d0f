package socketio_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// TestForeignClients holds our server against clients that we did not write, over TLS with a private root.
func TestForeignClients(t *testing.T) {
	for name, command := range map[string]func(testing.TB) []string{
		"npm":    func(t testing.TB) []string { return node(t, "client.js") },
		"python": func(t testing.TB) []string { return python(t, "client.py", "requests", "websocket") },
	} {
		for way := range ways {
			if name == "python" && way == "upgrade" {
				continue // Debian's library loses its own session in the change now and then, on a busy machine
			}
			t.Run(name+"/"+way, func(t *testing.T) { testForeignClient(t, way, command(t)) })
		}
	}
}

// host is a server that plays its part in the client programs' conversation.
func host(t *testing.T) *socketio.Server {
	return socketio.NewServer(socketio.ServerConfig{
		OnDisconnect: func(_ *socketio.Socket, err error) { t.Logf("a client has gone: %v", err) },
		Authorize: func(_ *http.Request, _ string, auth json.RawMessage) error {
			if strings.Contains(string(auth), "expired") {
				return &socketio.ConnectError{Message: "token expired", Data: json.RawMessage(`{"code":7}`)}
			}
			return nil
		},
		OnEvent: func(s *socketio.Socket, m socketio.Message) {
			switch m.Event {
			case "echo", "shout":
				parrot(s, m)
			case "hex":
				m.Ack(hex.EncodeToString(m.Attachments[0]))
			case "length":
				m.Ack(len(m.Args[0]) - 2)
			case "big":
				s.Emit("big", strings.Repeat("x", large))
			case "ask":
				answer, err := s.CallMessage(bounded(t), "question", 41)
				if err != nil || len(answer.Args) != 2 || len(answer.Attachments) != 1 {
					t.Errorf("question answered by %+v, %v", answer, err)
					return
				}
				s.Emit("answered", answer.Args[0], string(answer.Attachments[0]))
			}
		},
	})
}

func testForeignClient(t *testing.T, way string, args []string) {
	a := newAuthority(t)
	server := host(t)
	defer func() { server.Close() }()
	url, stop := a.listen(t, "127.0.0.1:0", server)
	p := run(t, append(args, url, a.root, way)...)
	carrier := way
	if way == "upgrade" {
		carrier = "websocket"
	}
	expect := func(what string, values ...any) {
		t.Helper()
		got, want := canonical(t, p.await(t, fmt.Sprintf("[%q", what))), canonical(t, line(t, what, values...))
		if got != want {
			t.Errorf("the client met %s, want %s", got, want)
		}
	}
	expect("refused", "token expired", map[string]int{"code": 7})
	expect("connected", carrier)
	expect("echo", "żółć 🦉", []any{1.5, nil})
	if strings.Contains(t.Name(), "npm") {
		expect("bytes", "001eff", "62")
	}
	expect("hex", "001eff")
	expectHeard(t, p)
	size := large
	if strings.Contains(t.Name(), "python") && carrier == "websocket" {
		size = 1000 // more may break that library, see there
	}
	expect("length", size)
	expect("answered", 42, "answer")
	expect("big", large)

	// The server goes and another one comes to its place: the client finds it by itself.
	server.Close()
	stop()
	p.await(t, `["disconnected"`)
	server = host(t)
	a.listen(t, strings.TrimPrefix(url, "https://"), server)
	expect("connected", carrier)
}

// expectHeard expects 40 events, in order unless the client is the Python one: it handles each in a thread.
func expectHeard(t *testing.T, p *program) {
	t.Helper()
	var got, want []string
	for i := range 40 {
		got = append(got, canonical(t, p.await(t, `["heard"`)))
		want = append(want, line(t, "heard", i))
	}
	if strings.Contains(t.Name(), "python") {
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the client heard %s, want %s", got, want)
	}
}

// line is what a client program prints.
func line(t *testing.T, what string, values ...any) string {
	t.Helper()
	b, err := json.Marshal(append([]any{what}, values...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// canonical is a JSON text as line would print it.
func canonical(t *testing.T, s string) string {
	t.Helper()
	var v []any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return line(t, fmt.Sprint(v[0]), v[1:]...)
}
