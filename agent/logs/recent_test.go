package logs

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func texts(l *Logs) string {
	var all []string
	for _, e := range l.Recent() {
		all = append(all, e.Service+":"+e.Text)
	}
	return strings.Join(all, "\n")
}

func TestTheLastErrorsAreKept(t *testing.T) {
	c := newClock("2026-02-03 10:00:00")
	l := open(t, t.TempDir(), c, nil)
	l.Logger().Warn("a warning is none")
	l.Logger().Error("one", "token", canary, "err", errors.New("a\nb"))
	l.Service("rdp").Error("two")
	c.Add(time.Hour)
	l.Logger().Error("one", "token", canary, "err", errors.New("a\nb"))
	if got, want := texts(l), "rdp:two level=ERROR\n"+`agent:one level=ERROR token=*** err="a\nb"`; got != want {
		t.Errorf("got %s", got)
	}
	if got := l.Recent()[1].At; !got.Equal(c.Now()) {
		t.Errorf("the same error again is of %v", got)
	}
}

func TestOneServiceDoesNotHideTheRest(t *testing.T) {
	l := open(t, t.TempDir(), newClock("2026-02-03 10:00:00"), nil)
	l.Logger().Error("the disk is full")
	for i := range 100 {
		l.Service("noisy").Error(fmt.Sprint("no ", i), "long", strings.Repeat("x", maxText))
	}
	got := l.Recent()
	if len(got) != 1+maxOfOne || !strings.HasPrefix(got[0].Text, "the disk is full") || !strings.HasPrefix(got[maxOfOne].Text, "\"no 99\"") && !strings.HasPrefix(got[maxOfOne].Text, "no 99") {
		t.Errorf("%d: %.200s", len(got), texts(l))
	}
	if n := len(got[1].Text); n > recentText+100 {
		t.Errorf("%d bytes are kept of one", n)
	}
	for i := range 100 {
		l.Service(fmt.Sprint("s", i)).Error("x")
	}
	if n := len(l.Recent()); n != maxRecent {
		t.Errorf("%d are kept", n)
	}
	if l.Recent()[0].Service != "s80" {
		t.Errorf("the oldest is %s's", l.Recent()[0].Service)
	}
}

func TestWhatIsNotWrittenIsRemembered(t *testing.T) {
	l := open(t, t.TempDir(), newClock("2026-02-03 10:00:00"), nil)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	slog.New(l.Logger().Handler()).Error("late")
	if got := texts(l); got != "agent:late level=ERROR" {
		t.Errorf("got %q", got)
	}
}
