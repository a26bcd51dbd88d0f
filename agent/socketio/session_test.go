package socketio

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue[int](3, 10)
		if !q.tryPush(1, 100) {
			t.Fatal("an empty queue refused a heavy value")
		}
		if q.tryPush(2, 1) {
			t.Error("a full queue took more weight")
		}
		pushed := make(chan bool, 1)
		go func() { pushed <- q.push(2, 10, nil, nil) }()
		synctest.Wait()
		it := <-q.C
		q.release(it)
		if !<-pushed || it.value != 1 {
			t.Error("a push did not get the room that was released")
		}
		for _, end := range []func(chan struct{}) bool{
			func(c chan struct{}) bool { return q.push(3, 1, c, nil) },
			func(c chan struct{}) bool { return q.push(3, 1, nil, c) },
		} {
			c := make(chan struct{})
			go func() { pushed <- end(c) }()
			synctest.Wait()
			close(c)
			if <-pushed {
				t.Error("a push succeeded without room")
			}
		}
		q.release(<-q.C)
		for i := range 3 {
			if !q.tryPush(i, 0) {
				t.Error("no room for three")
			}
		}
		if q.tryPush(4, 0) {
			t.Error("room for four")
		}
		c := make(chan struct{})
		go func() { pushed <- q.push(4, 5, c, nil) }()
		synctest.Wait()
		close(c)
		if <-pushed || q.load != 0 {
			t.Error("a value that was not queued left its weight behind")
		}
	})
}

// TestWatchdog uses the bubble's clock: what is heard puts the bite off, a pause suspends it.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bitten := time.Time{}
		w := new(watchdog)
		w.heard() // before the start it does nothing
		start := time.Now()
		w.start(10*time.Second, func() { bitten = time.Now() })
		time.Sleep(9 * time.Second)
		w.heard()
		time.Sleep(9 * time.Second)
		w.pause()
		time.Sleep(time.Hour)
		synctest.Wait()
		if !bitten.IsZero() {
			t.Fatalf("bitten after %v", bitten.Sub(start))
		}
		w.heard()
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := time.Hour + 28*time.Second; bitten.Sub(start) != want {
			t.Errorf("bitten after %v, want %v", bitten.Sub(start), want)
		}
	})
}

// framesOf makes of fuzzed bytes the frames of a session, each a text or a binary one.
func framesOf(b []byte) []frame {
	fs, err := decodePayload(b)
	if err != nil {
		return []frame{{data: b}}
	}
	return fs
}

var conversations = []string{
	"40\x1e42[\"e\",1]\x1e41", "40/n,{\"a\":1}\x1e42/n,7[\"e\"]\x1e1", "3\x1e40\x1e40", "451-[\"e\",{\"_placeholder\":true,\"num\":0}]\x1ebAQI=",
	"40{\"sid\":\"x\"}\x1e2\x1e430[1]", "44{\"message\":\"no\"}", "bAQI=", "6\x1e5\x1e9", "",
}

// FuzzServerSession lets a client say anything, in any order.
func FuzzServerSession(f *testing.F) {
	for _, c := range conversations {
		f.Add([]byte(c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewServer(ServerConfig{QueueLen: 1, MaxPayload: 1000, OnEvent: func(s *Socket, m Message) {
			m.Values()
			if m.Ack != nil {
				m.Ack()
			}
		}})
		x := s.open(httptest.NewRequest(http.MethodGet, "/", nil))
		go func() {
			for range x.out.C {
			}
		}()
		defer close(x.out.C)
		defer s.Close()
		defer x.cancel(ErrClosed)
		for _, f := range framesOf(b) {
			if err := x.handle(f); err != nil {
				expectKnown(t, err)
				return
			}
		}
	})
}

// FuzzClientSession lets a server say anything, in any order.
func FuzzClientSession(f *testing.F) {
	for _, c := range conversations {
		f.Add([]byte(c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg := Config{URL: "http://h", MaxPayload: 1000, OnEvent: func(m Message) { m.Values() }}
		cfg, s, err := cfg.complete()
		if err != nil {
			t.Fatal(err)
		}
		c := newConn(cfg, s, opening{SID: "s", PingInterval: 25000, PingTimeout: 20000}, new(watchdog))
		defer c.wg.Wait()
		defer c.dog.pause()
		defer c.cancel(ErrClosed)
		for _, f := range framesOf(b) {
			if err := c.handle(f); err != nil {
				expectKnown(t, err)
				return
			}
		}
	})
}

func expectKnown(t *testing.T, err error) {
	var refusal *ConnectError
	if !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrTooLarge) && !errors.As(err, &refusal) {
		t.Fatalf("the session ended with %v", err)
	}
}
