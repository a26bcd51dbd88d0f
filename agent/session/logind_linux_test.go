package session

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/session/sessiontest"
)

func TestLogindIsAsked(t *testing.T) {
	address := sessiontest.Bus(t)
	d := sessiontest.NewLogind(t, address)
	d.Put("2", sessiontest.Seated("ada", 1000, nil))
	d.Put("c1", sessiontest.Seated("gdm", 107, map[string]any{"Class": "greeter"}))
	d.Put("3", sessiontest.Seated("ada", 1000, map[string]any{"Class": "manager"}))
	d.Put("4", sessiontest.Seated("bob", 1001, map[string]any{"State": "closing"}))
	d.Put("5", sessiontest.Seated("root", 0, nil))
	d.Put("6", map[string]any{"uid": uint32(1002), "Class": "user", "Name": uint32(7), "Seat": "not a seat"})
	got, err := Machine{Bus: address}.Sessions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Session{
		{
			ID: "2", UID: 1000, User: "ada", Type: "wayland", Seat: "seat0", TTY: "tty2", Leader: 4242, Active: true,
			Since: time.UnixMicro(1_790_000_000_000_001),
		},
		{ID: "6", UID: 1002}, // what is of another type than it should be counts as absent
	}
	if len(got) != 2 || !equal(got[0], want[0]) || !equal(got[1], want[1]) {
		t.Errorf("got %+v", got)
	}
}

func TestAMachineWhoseBusHasNoLogindIsAskedForItsUtmp(t *testing.T) {
	m := Machine{Bus: sessiontest.Bus(t), Utmp: filepath.Join(t.TempDir(), "none")}
	if all, err := m.Sessions(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// Each change is one that only a signal can bring: the source is told to look by itself once in an hour.
func TestSessionsAreFollowed(t *testing.T) {
	address := sessiontest.Bus(t)
	d := sessiontest.NewLogind(t, address)
	src, err := Machine{Bus: address}.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	src.every = time.Hour
	seen := make(chan []Session, 16)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		f := follower{changed: func(all []Session) { seen <- all }}
		ended <- f.watch(ctx, src)
	}()
	look := func(step string, holds func([]Session) bool) {
		t.Helper()
		deadline := time.After(30 * time.Second)
		for {
			select {
			case all := <-seen:
				if holds(all) {
					return
				}
			case <-deadline:
				t.Fatalf("%s was not seen", step)
			}
		}
	}
	one := func(holds func(Session) bool) func([]Session) bool {
		return func(all []Session) bool { return len(all) == 1 && holds(all[0]) }
	}
	look("nobody", func(all []Session) bool { return len(all) == 0 })
	d.Put("2", sessiontest.Seated("ada", 1000, nil))
	look("the login", one(func(s Session) bool { return s.User == "ada" && s.Active && !s.Locked }))
	d.Put("2", sessiontest.Seated("ada", 1000, map[string]any{"LockedHint": true}))
	look("the lock", one(func(s Session) bool { return s.Locked }))
	d.Put("2", sessiontest.Seated("ada", 1000, nil))
	look("the unlock", one(func(s Session) bool { return !s.Locked }))
	d.Put("2", sessiontest.Seated("ada", 1000, map[string]any{"Active": false, "State": "online"}))
	d.Put("3", sessiontest.Seated("bob", 1001, nil))
	look("the switch", func(all []Session) bool { return len(all) == 2 && !all[0].Active && all[1].Active })
	d.Remove("2")
	d.Remove("3")
	look("the logout", func(all []Session) bool { return len(all) == 0 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestABusThatDiesIsAskedAgain(t *testing.T) {
	address := sessiontest.Bus(t)
	d := sessiontest.NewLogind(t, address)
	d.Put("2", sessiontest.Seated("ada", 1000, nil))
	src, err := Machine{Bus: address}.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	src.bus.Close()
	f := follower{changed: func([]Session) {}}
	if err := f.watch(t.Context(), src); err == nil || !strings.Contains(err.Error(), "logind") {
		t.Errorf("a dead bus: %v", err)
	}
}

func TestAMuteBusIsGivenUp(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	mute, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := (Machine{Bus: "unix:path=" + socket}).Sessions(ctx); err == nil {
		t.Error("a bus that says nothing was understood")
	}
}
