package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// ear is a Conversation that keeps what it hears.
type ear chan wire.Event

func (e ear) Event(ev wire.Event) { e <- ev }

// converse starts a conversation; stop ends it and waits for it.
func converse(t *testing.T, c *Client, with Conversation) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Converse(ctx, with) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("conversation ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// next is the next event at the Engine.
func (f *fake) next() event {
	f.t.Helper()
	select {
	case e := <-f.events:
		return e
	case <-time.After(time.Hour):
		f.t.Fatal("no event at the Engine")
		return event{}
	}
}

func (f *fake) greeted(id, mode string) *socketio.Socket {
	f.t.Helper()
	want := fmt.Sprintf(`{"agent_id":%q,"service_mode":%q}`, id, mode)
	if e := f.next(); e.name != wire.EventConnectAgent || e.data != want {
		f.t.Fatalf("first event %v, want connect_agent %s", e, want)
	}
	if e := f.next(); e.name != wire.EventRequestConfig || e.data != fmt.Sprintf(`{"agent_id":%q}`, id) {
		f.t.Fatalf("second event %v, want request_config", e)
	}
	return <-f.sockets
}

func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg := f.config(t.TempDir())
		cfg.Mode = wire.CurrentUser
		cfg.Metrics = func(context.Context) wire.Metrics {
			return wire.Metrics{Uptime: 86512, Username: "amy", CPUPercent: 3.2, MemoryPercent: 41.7}
		}
		c := f.clientOf(cfg)
		heard := make(ear, 10)
		stop := converse(t, c, heard)
		socket := f.greeted("LAB-NODE-07_"+engineGUID+"_CURRENTUSER", "currentuser")
		synctest.Wait()
		if !c.Connected() || c.WaitConnected(t.Context()) != nil {
			t.Error("not connected")
		}
		for name, want := range map[string]string{
			"Authorization": "Bearer canary-access-1", "X-Borealis-Agent-Context": "CURRENTUSER", "User-Agent": "Borealis-Agent/1.2.3",
		} {
			if got := socket.Request().Header.Get(name); got != want {
				t.Errorf("header %s of the socket is %q, want %q", name, got, want)
			}
		}
		beats := f.to(wire.PathHeartbeat)
		if len(beats) != 1 || beats[0].text != `{"guid":"`+engineGUID+`","hostname":"lab-node-07","metrics":{"service_mode":"currentuser","uptime":86512,`+
			`"hostname":"lab-node-07","username":"amy","cpu_percent":3.2,"memory_percent":41.7},"inventory":{}}` {
			t.Errorf("heartbeats after the connect: %v", beats)
		}
		for i := range 3 {
			if err := socket.Emit("odd_event", json.RawMessage(fmt.Sprintf(`{"n":%d.0}`, i)), "more"); err != nil {
				t.Fatal(err)
			}
		}
		if err := socket.Emit("bare"); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if ev := <-heard; ev.Name != "odd_event" || string(ev.Data) != fmt.Sprintf(`{"n":%d.0}`, i) || ev.At.IsZero() || ev.Bytes != nil {
				t.Errorf("heard %+v as number %d", ev, i)
			}
		}
		if ev := <-heard; ev.Name != "bare" || ev.Data != nil {
			t.Errorf("heard %+v", ev)
		}
		if _, err := socket.Call(t.Context(), "answer_me"); err != nil {
			t.Errorf("an event that asks for an answer: %v", err)
		}
		stop()
		if c.Connected() {
			t.Error("still connected")
		}
	})
}

func TestReconnectTakesAFreshTokenAndARandomPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.client()
		converse(t, c, make(ear, 10))
		id := "LAB-NODE-07_" + engineGUID + "_SYSTEM"
		socket := f.greeted(id, "system")
		for range 5 {
			time.Sleep(20 * time.Minute) // past the token's life
			before := time.Now()
			if err := socket.Close(); err != nil {
				t.Fatal(err)
			}
			old := socket.Request().Header.Get("Authorization")
			socket = f.greeted(id, "system")
			if took := time.Since(before); took < reconnectLeast || took > reconnectFirst+time.Second {
				t.Errorf("back after %v", took)
			}
			if socket.Request().Header.Get("Authorization") == old {
				t.Error("the token of the session before was used again")
			}
		}
	})
}

func TestReconnectsThatFailAreSpacedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		f.answer("/socket.io/", send(503, `down`))
		converse(t, c, make(ear, 10))
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(f.to("/socket.io/")); n < 60 || n > 300 {
			t.Errorf("%d dials in an hour of refusals", n)
		}
		f.answer("/socket.io/", nil)
		f.greeted(c.AgentID(), "system")
	})
}

func TestRefusedHandshakeRenewsTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		f.answer("/socket.io/", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer canary-access-1" {
				fail(w, 401, "token_expired")
			}
		})
		before := time.Now()
		converse(t, c, make(ear, 10))
		socket := f.greeted(c.AgentID(), "system")
		if took := time.Since(before); took > reconnectFirst+time.Second {
			t.Errorf("connected after %v with %q", took, socket.Request().Header.Get("Authorization"))
		}
	})
}

func TestAnotherGUIDIsIntroduced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg := f.config(t.TempDir())
		c := f.clientOf(cfg)
		converse(t, c, make(ear, 10))
		f.greeted("LAB-NODE-07_"+engineGUID+"_SYSTEM", "system")
		const another = "8C2E0D51-63BE-4F1C-907D-2E3F4A5B6C7D"
		f.set(func() { clear(f.access); clear(f.refresh) })
		f.answer(wire.PathEnrollPoll, func(w http.ResponseWriter, _ *http.Request) {
			f.set(func() { f.access["a2"], f.refresh["r2"] = true, true })
			reply(w, 200, map[string]any{"status": "completed", "guid": strings.ToLower(another), "access_token": "a2", "refresh_token": "r2"})
		})
		if err := c.heartbeat(t.Context()); !errors.Is(err, ErrNotEnrolled) {
			t.Fatal(err)
		}
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e := f.next(); e.name != wire.EventConnectAgent || !strings.Contains(e.data, another) {
			t.Errorf("after the new GUID came %v", e)
		}
	})
}

// arrives sends an event and waits until the Engine has it.
func arrives(ctx context.Context, c *Client, event, data string) error {
	received, err := c.Send(ctx, event, json.RawMessage(data))
	if err != nil {
		return err
	}
	return received(ctx)
}

func TestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Send(hurried, "quick_job_result", nil); !errors.Is(err, ErrNotConnected) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("before the connect: %v, want ErrNotConnected", err)
		}
		early := make(chan error, 1)
		go func() { early <- c.Emit(t.Context(), "early", nil) }()
		stop := converse(t, c, make(ear, 10))
		socket := f.greeted(c.AgentID(), "system")
		if err := <-early; err != nil || f.next().name != "early" {
			t.Errorf("what waited for the connect: %v", err)
		}
		before := time.Now()
		if err := arrives(t.Context(), c, "quick_job_result", `{"job_id":4711.0}`); err != nil {
			t.Fatal(err)
		}
		if e := f.next(); e.data != `{"job_id":4711.0}` || time.Since(before) > time.Second {
			t.Errorf("the Engine got %v after %v", e, time.Since(before))
		}
		received, err := c.Send(t.Context(), "never_acked", nil)
		if err != nil || time.Since(before) > time.Second {
			t.Fatalf("%v after %v", err, time.Since(before))
		}
		if e := f.next(); e.data != "" {
			t.Errorf("an event without data came as %v", e)
		}
		if err := received(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(before); took < 20*time.Second || took > time.Minute {
			t.Errorf("without an acknowledgement it took %v, want two pings", took)
		}
		lost, err := c.Send(t.Context(), "never_acked", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := socket.Close(); err != nil {
			t.Fatal(err)
		}
		if err := lost(t.Context()); !errors.Is(err, socketio.ErrClosed) || errors.Is(err, ErrTooLarge) {
			t.Errorf("a lost session: %v, want ErrClosed", err)
		}
		stop()
	})
}

func TestWhatIsTooLargeIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		converse(t, c, make(ear, 10))
		f.greeted(c.AgentID(), "system")
		large := json.RawMessage(`"` + strings.Repeat("x", 100_000_000) + `"`)
		if _, err := c.Send(t.Context(), "x", large); !errors.Is(err, ErrTooLarge) {
			t.Errorf("sent: %v, want ErrTooLarge", err)
		}
		if err := c.Emit(t.Context(), "x", large); !errors.Is(err, ErrTooLarge) {
			t.Errorf("emitted: %v, want ErrTooLarge", err)
		}
		if err := arrives(t.Context(), c, "quick_job_result", `{}`); err != nil { // on the same session
			t.Error(err)
		}
	})
}

func TestManyAreSentAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		f.events = make(chan event, 1000)
		c := f.enrolled()
		converse(t, c, make(ear, 10))
		f.greeted(c.AgentID(), "system")
		if err := c.WaitConnected(t.Context()); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if err := arrives(t.Context(), c, "quick_job_result", `{}`); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(f.events); n != 200 {
			t.Errorf("%d events at the Engine, want 200", n)
		}
	})
}

func TestPeriodicCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		began := time.Now()
		go func() { done <- c.Run(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		checkCadence(t, began, f.to(wire.PathHeartbeat), beatFirst, beatEvery)
		checkCadence(t, began, f.to(wire.PathScriptRequest), scriptFirst, scriptEvery)
		if s := f.to(wire.PathScriptRequest)[0]; s.text != `{"guid":"`+engineGUID+`"}` {
			t.Errorf("script request %s", s.text)
		}
		if s := f.to(wire.PathHeartbeat)[0]; strings.Contains(s.text, "inventory") {
			t.Errorf("periodic heartbeat %s", s.text)
		}
	})
}

func checkCadence(t *testing.T, began time.Time, calls []seen, first, every time.Duration) {
	t.Helper()
	near := func(d, want time.Duration) bool { return d >= want*9/10 && d <= want*11/10+time.Second }
	if len(calls) < 10 || !near(calls[0].at.Sub(began), first) {
		t.Fatalf("%d calls, the first after %v; want %v", len(calls), calls[0].at.Sub(began), first)
	}
	jittered := false
	for i := 1; i < len(calls); i++ {
		gap := calls[i].at.Sub(calls[i-1].at)
		if jittered = jittered || gap != every; !near(gap, every) {
			t.Fatalf("%s came after %v, want about %v", calls[i].path, gap, every)
		}
	}
	if !jittered {
		t.Error("no jitter")
	}
}

func TestPeriodicCallsGoOnAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		c := f.enrolled()
		f.answer(wire.PathHeartbeat, send(500, `{"error":"auth_context_missing"}`))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		go func() {
			time.Sleep(time.Hour)
			f.answer(wire.PathHeartbeat, nil)
			f.set(func() { clear(f.access); clear(f.refresh) }) // and then the enrollment is lost
		}()
		_ = c.Run(ctx)
		if n := len(f.to(wire.PathHeartbeat)); n < 100 {
			t.Errorf("%d heartbeats in two hours", n)
		}
		if n := len(f.to(wire.PathEnrollRequest)); n != 2 || c.Status().State != StateEnrolled {
			t.Errorf("%d enrollments, state %q", n, c.Status().State)
		}
	})
}
