package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

var echo = map[string]Command{
	"echo": func(_ context.Context, args json.RawMessage) (any, error) { return args, nil },
	"fail": func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("job 7 is not there") },
	"code": func(context.Context, json.RawMessage) (any, error) {
		return nil, &Error{Code: "gone", Text: "it went away"}
	},
	"args": func(_ context.Context, args json.RawMessage) (any, error) {
		var in struct {
			Level string `json:"level"`
		}
		err := Args(args, &in)
		return in.Level, err
	},
	"huge": func(context.Context, json.RawMessage) (any, error) { return strings.Repeat("x", maxAnswer), nil },
	"chan": func(context.Context, json.RawMessage) (any, error) { return make(chan int), nil },
}

// start serves at a place until the test ends.
func start(t *testing.T, at Place, commands map[string]Command) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, Config{Place: at, Commands: commands}) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(stop)
	for { // until it listens
		var unknown *Error
		err := Call(t.Context(), at, "", nil, nil)
		if errors.As(err, &unknown) && unknown.Code == CodeUnknown {
			return stop
		}
		select {
		case err := <-ended:
			ended <- nil
			t.Fatalf("serve: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
}

func place(t *testing.T) Place { return Place{t.TempDir(), "SYSTEM"} }

func TestCommandsAreCarriedOut(t *testing.T) {
	at := place(t)
	stop := start(t, at, echo)
	in, out := map[string]string{"a": "zażółć <&>\n"}, map[string]string{}
	if err := Call(t.Context(), at, "echo", in, &out); err != nil || out["a"] != in["a"] {
		t.Errorf("got %q, %v", out, err)
	}
	if err := Call(t.Context(), at, "echo", nil, nil); err != nil {
		t.Errorf("without arguments: %v", err)
	}
	for name, tc := range map[string]struct {
		command    string
		args       any
		code, text string
	}{
		"unknown command":    {"stage", nil, CodeUnknown, `no command "stage"; there are: args, chan, code, echo, fail, huge`},
		"command fails":      {"fail", nil, CodeFailed, "job 7 is not there"},
		"error with a code":  {"code", nil, "gone", "it went away"},
		"unknown argument":   {"args", map[string]int{"lvel": 1}, CodeRequest, `unknown field "lvel"`},
		"answer too big":     {"huge", nil, CodeTooBig, "bytes"},
		"answer is not JSON": {"chan", nil, CodeFailed, "unsupported type"},
	} {
		var e *Error
		if err := Call(t.Context(), at, tc.command, tc.args, nil); !errors.As(err, &e) || e.Code != tc.code || !strings.Contains(e.Text, tc.text) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	stop()
	if err := Call(t.Context(), at, "echo", nil, nil); !errors.Is(err, ErrNoAgent) {
		t.Errorf("after the end: %v", err)
	}
	start(t, at, echo) // the place is as it was before
}

func TestOnlyTheAgentsLineCounts(t *testing.T) {
	for name, tc := range map[string]struct{ line, code string }{
		"no JSON":         {"status\n", CodeRequest},
		"a list":          {"[]\n", CodeRequest},
		"no version":      {`{"command":"echo"}` + "\n", CodeVersion},
		"next version":    {`{"v":2,"command":"echo","new":1}` + "\n", CodeVersion},
		"unknown field":   {`{"v":1,"command":"echo","argz":1}` + "\n", CodeRequest},
		"two values":      {`{"v":1,"command":"echo"} {}` + "\n", CodeRequest},
		"a line too many": {`{"v":1,"command":"echo"}` + "\nGET / HTTP/1.1\n", ""},
	} {
		line, _, _ := strings.Cut(tc.line, "\n")
		a := Config{Commands: echo}.respond(t.Context(), []byte(line))
		if got := a.Error; (got == nil) != (tc.code == "") || got != nil && got.Code != tc.code {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// raw opens a connection of a client that does as it likes.
func raw(t *testing.T, at Place) conn {
	t.Helper()
	c, err := dial(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestAnEndlessRequestIsHungUpOn(t *testing.T) {
	at := place(t)
	start(t, at, echo)
	c := raw(t, at)
	sent := 0
	for chunk := bytes.Repeat([]byte("x"), 4096); ; sent += len(chunk) {
		if _, err := c.Write(chunk); err != nil {
			break
		}
		if sent > 8<<20 {
			t.Fatal("it takes whatever comes")
		}
	}
	if err := Call(t.Context(), at, "echo", nil, nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Peers that say nothing take all places. The end of the agent hangs up on them at once, and goleak sees that nothing
// is left.
func TestSilentPeersDoNotHoldUpTheEnd(t *testing.T) {
	at := place(t)
	stop := start(t, at, echo)
	for range maxPeers {
		raw(t, at)
	}
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > requestTimeout {
		t.Errorf("the end took %v: it waited for their time to be up", took)
	}
}

func TestACallGivesUpWithItsContext(t *testing.T) {
	at, begun := place(t), make(chan struct{})
	start(t, at, map[string]Command{"wait": func(ctx context.Context, _ json.RawMessage) (any, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	if err := Call(ctx, at, "wait", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestManyPeersAreAnswered(t *testing.T) {
	at := place(t)
	start(t, at, echo)
	var all sync.WaitGroup
	for i := range 8 * maxPeers {
		all.Go(func() {
			var got int
			if err := Call(t.Context(), at, "echo", i, &got); err != nil || got != i {
				t.Errorf("call %d: got %d, %v", i, got, err)
			}
		})
	}
	all.Wait()
}

func TestTwoPlacesOfOneFolderAreApart(t *testing.T) {
	dir := t.TempDir()
	for _, mode := range []string{"SYSTEM", "CURRENTUSER"} {
		start(t, Place{dir, mode}, map[string]Command{"who": func(context.Context, json.RawMessage) (any, error) { return mode, nil }})
	}
	for _, mode := range []string{"SYSTEM", "CURRENTUSER"} {
		var got string
		if err := Call(t.Context(), Place{dir, mode}, "who", nil, &got); err != nil || got != mode {
			t.Errorf("%s: got %q, %v", mode, got, err)
		}
	}
}

// An answer of a later agent may have more in it; one of another protocol is not guessed at.
func TestAnswersOfOtherAgents(t *testing.T) {
	var got struct{ A int }
	if err := decode([]byte(`{"v":1,"data":{"a":1,"b":2},"later":true}`), &got); err != nil || got.A != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{`{"v":2,"data":{"a":1}}`, `{"v":1}`, `{"v":1,"data":[]}`, `nonsense`} {
		if err := decode([]byte(text), &got); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// line is a connection on which one line has arrived.
type line struct {
	io.Reader
	said bytes.Buffer
}

func (l *line) Write(p []byte) (int, error)   { return l.said.Write(p) }
func (l *line) Close() error                  { return nil }
func (l *line) SetDeadline(t time.Time) error { return nil }

// Whatever comes, what goes back is nothing or one line that a client understands.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"command":"echo","args":{"a":[1,2]}}` + "\n", `{"v":1,"command":"args","args":{"level":"debug"}}` + "\n",
		`{"v":1,"command":"echo","args":null}` + "\n", "\n", "{\"v\":1e999}\n", `{"v":1,"command":"\ud800"}` + "\n", "\x00\xff\n", "{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l := &line{Reader: bytes.NewReader(text)}
		got, err := readLine(l, maxRequest, time.Second)
		if err != nil {
			return
		}
		say(t.Context(), l, Config{Commands: echo, Log: slog.New(slog.DiscardHandler)}.respond(t.Context(), got))
		answer := l.said.Bytes()
		if bytes.Count(answer, []byte("\n")) != 1 || !json.Valid(answer) {
			t.Fatalf("%q is answered with %q", text, answer)
		}
		var e *Error
		if err := decode(answer, nil); err != nil && !errors.As(err, &e) {
			t.Fatalf("%q: %v", answer, err)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"v":1,"data":{"roles":[]}}`))
	f.Add([]byte(`{"v":1,"error":{"code":"x","text":"\u001b[2J"}}`))
	f.Add([]byte(`{"v":1,"error":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var out struct{ Roles []string }
		_ = decode(text, &out)
	})
}

func TestADeadlineDoesNotOutliveTheContext(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	ctx, cancel := context.WithCancel(t.Context())
	b, release := bind(ctx, near)
	defer release()
	cancel()
	for b.SetDeadline(time.Now().Add(time.Hour)) == nil { // until the end has been noticed
		time.Sleep(time.Millisecond)
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}
