package engine

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// sleepy is a clock on the wall that a test sets forward, as a machine finds it that has slept.
type sleepy struct{ slept atomic.Int64 }

func (s *sleepy) now() time.Time { return time.Now().Add(time.Duration(s.slept.Load())) }

func (s *sleepy) sleep(d time.Duration) { s.slept.Add(int64(d)) }

func TestAMachineThatSleptComesBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg, clock := f.config(t.TempDir()), &sleepy{}
		cfg.Now = clock.now
		c := f.clientOf(cfg)
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		converse(t, c, make(ear, 10))
		first := f.greeted(c.AgentID(), "system")
		time.Sleep(time.Hour)
		synctest.Wait()
		if !c.Connected() || len(f.sockets) > 0 {
			t.Fatal("an hour awake ended the session")
		}
		clock.sleep(40 * time.Second) // too short for the Engine to give it up by itself: that takes 45
		before := time.Now()
		second := f.greeted(c.AgentID(), "system")
		if took := time.Since(before); took > 2*lookAtClock || second == first {
			t.Errorf("another session after %v", took)
		}
	})
}

func TestAMachineThatSleptDoesNotWaitItsPauseOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, "engine.test")
		cfg, clock := f.config(t.TempDir()), &sleepy{}
		cfg.Now, cfg.Jitter = clock.now, func() float64 { return 0.999 }
		c := f.clientOf(cfg)
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.answer("/socket.io/", send(503, `down`))
		converse(t, c, make(ear, 10))
		time.Sleep(10 * time.Minute) // the pauses are a minute by now
		tries := len(f.to("/socket.io/"))
		for len(f.to("/socket.io/")) == tries {
			time.Sleep(time.Second)
		}
		f.answer("/socket.io/", nil)
		clock.sleep(20 * time.Second)
		before := time.Now()
		f.greeted(c.AgentID(), "system")
		if took := time.Since(before); took > 2*lookAtClock {
			t.Errorf("a session after %v", took)
		}
	})
}
