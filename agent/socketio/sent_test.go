package socketio_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// scripted is a peer that does what it is told, and a session with it: it reads only when it is asked to.
type scripted struct {
	t    *testing.T
	do   chan func(raw)
	seen chan struct{} // our client met the event "seen"
	c    *socketio.Conn
}

func playScript(t *testing.T) *scripted {
	s := &scripted{t: t, do: make(chan func(raw)), seen: make(chan struct{}, 10)}
	ended := make(chan struct{})
	url := playServer(t, 25000, 20000, func(p raw) {
		p.hear()
		p.say(`40{"sid":"x"}`)
		for f := range s.do {
			f(p)
		}
		<-ended
	})
	t.Cleanup(func() { close(s.do); close(ended) })
	s.c = dial(t, socketio.Config{URL: url, OnEvent: func(socketio.Message) { s.seen <- struct{}{} }})
	return s
}

// ping pings, and waits until the client has handled that.
func (s *scripted) ping() {
	s.t.Helper()
	s.do <- func(p raw) { p.say("2", `42["seen"]`) }
	take(s.t, "event", s.seen)
}

// hear expects the next message of the client to begin so.
func (s *scripted) hear(start string) {
	s.t.Helper()
	got := make(chan string, 1)
	s.do <- func(p raw) { got <- p.hear() }
	if text := take(s.t, "message", got); !strings.HasPrefix(text, start) {
		s.t.Fatalf("the peer heard %.40q, want %q", text, start)
	}
}

// send sends an event, and gives what will be known of its arrival.
func (s *scripted) send(event string) <-chan error {
	s.t.Helper()
	sent, err := s.c.Send(bounded(s.t), event)
	if err != nil {
		s.t.Fatal(err)
	}
	proved := make(chan error, 1)
	go func() { proved <- sent.Received(bounded(s.t)) }()
	return proved
}

func (s *scripted) unknown(proved <-chan error) {
	s.t.Helper()
	select {
	case err := <-proved:
		s.t.Fatalf("the event counts as received: %v", err)
	case <-time.After(20 * time.Millisecond): // it must not come at all; a while lets a wrong one come
	}
}

// needsTwoPings expects an event to count as received only once two pings more have come.
func (s *scripted) needsTwoPings(proved <-chan error) {
	s.t.Helper()
	s.unknown(proved)
	s.ping()
	s.hear("3")
	s.unknown(proved)
	s.ping()
	if err := take(s.t, "proof", proved); err != nil {
		s.t.Error(err)
	}
	s.hear("3")
}

// TestAPingProvesWhatWasReceived expects an event to count as received by the second ping: only that one follows upon
// an answer which itself follows the event.
func TestAPingProvesWhatWasReceived(t *testing.T) {
	s := playScript(t)
	s.ping()
	s.hear("3")
	proved := s.send("x")
	s.hear(`420["x"]`)
	s.needsTwoPings(proved)
}

// TestAPingProvesNothingOfWhatStillWaits sends an event behind one that the peer does not read: pings that come
// meanwhile are answered before it, and prove nothing.
func TestAPingProvesNothingOfWhatStillWaits(t *testing.T) {
	s := playScript(t)
	large := make(chan error, 1)
	go func() { large <- s.c.Emit(bounded(t), "large", strings.Repeat("x", 20_000_000)) }()
	begun := make(chan io.Reader, 1)
	s.do <- func(p raw) {
		p.ws.SetReadLimit(-1)
		_, r, err := p.ws.Reader(bounded(t))
		if err != nil {
			t.Error(err)
		}
		begun <- r
	}
	rest := take(t, "beginning", begun)
	s.ping()
	s.ping()
	sent := make(chan (<-chan error), 1)
	go func() { sent <- s.send("x") }()
	s.ping()
	select {
	case <-sent:
		t.Fatal("the event was sent before the one in front of it")
	case <-time.After(20 * time.Millisecond):
	}
	s.do <- func(raw) { io.Copy(io.Discard, rest) }
	if err := take(t, "end of sending", large); err != nil {
		t.Fatal(err)
	}
	s.hear("3") // an answer to all three pings, before the event
	s.hear(`420["x"]`)
	proved := take(t, "event", sent)
	s.needsTwoPings(proved)
}

func TestAnAcknowledgementProvesOne(t *testing.T) {
	s := playScript(t)
	first, second := s.send("x"), s.send("y")
	s.do <- func(p raw) { p.say(`431[]`) }
	if err := take(t, "proof", second); err != nil {
		t.Error(err)
	}
	s.unknown(first)
	s.do <- func(p raw) { p.say(`430`, "1") }
	if err := take(t, "proof", first); err != nil {
		t.Errorf("acknowledged just before the end: %v", err)
	}
}

func TestWhatIsNotKnownToBeReceived(t *testing.T) {
	s := playScript(t)
	sent, err := s.c.Send(bounded(t), "x")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sent.Received(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that was given up: %v", err)
	}
	proved := s.send("y")
	s.do <- func(p raw) { p.say("1") }
	if err := take(t, "end", proved); !errors.Is(err, socketio.ErrClosed) {
		t.Errorf("a session that ended: %v", err)
	}
	if _, err := s.c.Send(bounded(t), "connect"); err == nil {
		t.Error("a reserved name was sent")
	}
}
