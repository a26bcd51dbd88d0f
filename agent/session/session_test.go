package session

import (
	"testing"
	"time"
)

func TestChoose(t *testing.T) {
	old, young := time.Unix(1_700_000_000, 0), time.Unix(1_800_000_000, 0)
	screen := Session{ID: "2", UID: 1000, Type: "wayland", Seat: "seat0", Active: true, Since: old}
	text := Session{ID: "3", UID: 1001, Type: "tty", Seat: "seat0", Active: true, Since: old}
	ssh := Session{ID: "4", UID: 1002, Type: "tty", Active: true, Remote: true, Since: old}
	laterSSH := Session{ID: "5", UID: 1003, Type: "tty", Active: true, Remote: true, Since: young}
	rdp := Session{ID: "6", UID: 1004, Type: "x11", Active: true, Remote: true, Since: old}
	switched := screen
	switched.Active = false
	locked := screen
	locked.Locked = true
	for name, tc := range map[string]struct {
		all  []Session
		now  Session
		want string // "" is nobody
	}{
		"nobody":                        {},
		"the only one":                  {all: []Session{ssh}, want: "4"},
		"a screen before a text":        {all: []Session{text, screen}, want: "2"},
		"the seat before the distance":  {all: []Session{rdp, text}, want: "3"},
		"a far screen before a far tty": {all: []Session{ssh, rdp, laterSSH}, want: "6"},
		"the youngest of equals":        {all: []Session{ssh, laterSSH}, want: "5"},
		"the one that is served stays":  {all: []Session{ssh, laterSSH}, now: ssh, want: "4"},
		"unless a better one is there":  {all: []Session{ssh, laterSSH, screen}, now: ssh, want: "2"},
		"a locked screen is a screen":   {all: []Session{ssh, locked}, want: "2"},
		"one switched away from is not": {all: []Session{switched, ssh}, now: switched, want: "4"},
		"but better it than none":       {all: []Session{switched}, want: "2"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Choose(tc.all, tc.now)
			if got.ID != tc.want || ok != (tc.want != "") {
				t.Errorf("chose %q, %v", got.ID, ok)
			}
		})
	}
}

func TestAnIDThatIsUsedAgainIsAnotherSession(t *testing.T) {
	s := Session{ID: "2", UID: 1000, User: "ada", Since: time.Unix(1, 0)}
	relabelled := s
	relabelled.Locked, relabelled.Active = true, true
	if !s.Same(relabelled) {
		t.Error("locking made another session of it")
	}
	for _, other := range []Session{
		{ID: "3", UID: 1000, User: "ada", Since: s.Since},
		{ID: "2", UID: 1001, User: "bob", Since: s.Since},
		{ID: "2", UID: 1000, User: "ada", Since: time.Unix(2, 0)},
	} {
		if s.Same(other) {
			t.Errorf("%+v is taken for %+v", other, s)
		}
	}
}
