package logs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTurnsOverAtLocalMidnight(t *testing.T) {
	dir, c := t.TempDir(), newClock("2026-02-03 23:59:59")
	l := open(t, dir, c, nil)
	l.Logger().Error("one")
	c.Add(time.Second)
	l.Logger().Info("two")
	c.Add(23 * time.Hour)
	l.Logger().Info("three")
	c.Add(time.Hour)
	l.Logger().Error("four")

	want := []string{
		"agent.error.log", "agent.error.log.2026-02-03",
		"agent.log", "agent.log.2026-02-03", "agent.log.2026-02-04",
	}
	if got := logFiles(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for name, text := range map[string]string{
		"agent.log.2026-02-03": "-one level=ERROR\n", "agent.log.2026-02-04": "-three\n", "agent.log": "-four level=ERROR\n",
	} {
		if got := read(t, dir, name); !strings.HasSuffix(got, text) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAFileOfAnEarlierDayIsRotatedAtTheFirstLine(t *testing.T) {
	for name, tc := range map[string]struct {
		old     string
		mtime   time.Time
		rotated string
	}{
		"by its first line":       {old: "2026-01-31T08:00:00.000+01:00-agent-old\n", mtime: day(2026, 2, 3), rotated: "agent.log.2026-01-31"},
		"foreign, by its time":    {old: "[2026-01-31 08:00:00] [INFO] old\n", mtime: day(2026, 1, 30), rotated: "agent.log.2026-01-30"},
		"short, by its time":      {old: "old\n", mtime: day(2026, 1, 30), rotated: "agent.log.2026-01-30"},
		"from a clock far ahead":  {old: "2031-01-01T08:00:00.000+01:00-agent-old\n", mtime: day(2026, 2, 3), rotated: "agent.log.2031-01-01"},
		"not a date, by its time": {old: "2026-99-99 old\n", mtime: day(2026, 1, 30), rotated: "agent.log.2026-01-30"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plant(t, filepath.Join(dir, "agent.log"), tc.old, tc.mtime)
			open(t, dir, newClock("2026-02-03 10:00:00"), nil).Logger().Info("new")
			if got := read(t, dir, tc.rotated); got != tc.old {
				t.Errorf("rotated: %q", got)
			}
			if got := read(t, dir, "agent.log"); !strings.HasSuffix(got, "-new\n") || strings.Contains(got, "old") {
				t.Errorf("current: %q", got)
			}
		})
	}
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 12, 0, 0, 0, time.Local) }

func plant(t *testing.T, path, text string, mtime time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, mtime, mtime); err != nil {
		t.Fatal(err)
	}
}

func TestNeverOverwrites(t *testing.T) {
	dir, c := t.TempDir(), newClock("2026-02-03 10:00:00")
	plant(t, filepath.Join(dir, "agent.log.2026-02-03"), "kept\n", day(2026, 2, 3))
	if err := os.Mkdir(filepath.Join(dir, "agent.log.2026-02-03.1"), 0o700); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir, c, nil)
	l.Logger().Info("one")
	c.Add(24 * time.Hour)
	l.Logger().Info("two")
	if got := read(t, dir, "agent.log.2026-02-03"); got != "kept\n" {
		t.Errorf("overwritten: %q", got)
	}
	if got := read(t, dir, "agent.log.2026-02-03.2"); !strings.HasSuffix(got, "-one\n") {
		t.Errorf("got %q", got)
	}
}

func TestAClockSetBackKeepsEveryLine(t *testing.T) {
	dir, c := t.TempDir(), newClock("2026-02-03 10:00:00")
	l := open(t, dir, c, nil)
	steps := []time.Duration{0, 24 * time.Hour, -24 * time.Hour, -240 * time.Hour, 2400 * time.Hour, -2400 * time.Hour, time.Second}
	for _, d := range steps {
		c.Add(d)
		l.Logger().Info("line")
	}
	total := 0
	for _, name := range logFiles(t, dir) {
		total += strings.Count(read(t, dir, name), "-line\n")
	}
	if total != len(steps) {
		t.Errorf("%d lines of %d in %q", total, len(steps), logFiles(t, dir))
	}
}

func TestAFileOfTomorrowIsJoined(t *testing.T) {
	dir := t.TempDir()
	east := newClock("2026-02-04 00:30:00")
	open(t, dir, east, nil).Logger().Info("east")
	west := newClock("2026-02-03 22:30:00")
	l := open(t, dir, west, nil)
	l.Logger().Info("west")
	west.Add(2 * time.Hour)
	l.Logger().Info("west again")
	if got := read(t, dir, "agent.log"); strings.Count(got, "\n") != 3 {
		t.Errorf("got %q in %q", got, logFiles(t, dir))
	}
}

func TestHalfALineIsEnded(t *testing.T) {
	dir := t.TempDir()
	plant(t, filepath.Join(dir, "agent.log"), "2026-02-03T09:00:00.000+01:00-agent-kil", day(2026, 2, 3))
	l := open(t, dir, newClock("2026-02-03 10:00:00"), nil)
	l.Logger().Info("one")
	l.Logger().Info("two")
	const want = "2026-02-03T09:00:00.000+01:00-agent-kil\n" +
		"2026-02-03T10:00:00.000+01:00-agent-one\n2026-02-03T10:00:00.000+01:00-agent-two\n"
	if got := read(t, dir, "agent.log"); got != want {
		t.Errorf("got %q", got)
	}
}

func TestARemovedOrRenamedFileIsFoundAgain(t *testing.T) {
	dir, c := filepath.Join(t.TempDir(), "Logs"), newClock("2026-02-03 10:00:00")
	l := open(t, dir, c, nil)
	l.Logger().Info("one")
	if err := os.Rename(filepath.Join(dir, "agent.log"), filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	c.Add(lookWait)
	l.Logger().Info("two")
	if got := read(t, dir, "agent.log"); !strings.HasSuffix(got, "-two\n") {
		t.Errorf("after a rename: %q", got)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Skipf("this system does not remove open files: %v", err)
	}
	c.Add(lookWait)
	l.Logger().Info("three")
	if got := read(t, dir, "agent.log"); !strings.HasSuffix(got, "-three\n") {
		t.Errorf("after the folder was removed: %q", got)
	}
}

func TestLostLinesAreCountedAndTold(t *testing.T) {
	dir, c := t.TempDir(), newClock("2026-02-03 10:00:00")
	l := open(t, dir, c, nil)
	log := l.Service("busy")
	inTheWay := filepath.Join(dir, "busy.log")
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		log.Info("lost")
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	log.Info("written")
	log.Info("written")
	got := read(t, inTheWay)
	if !strings.Contains(got, "-logs-lines lost level=WARN count=3 cause=") || strings.Count(got, "\n") != 3 {
		t.Errorf("got %q", got)
	}
}

func TestWhileAnotherHoldsTheLockLinesAreStillWritten(t *testing.T) {
	dir, c := t.TempDir(), newClock("2026-02-03 23:59:59")
	l := open(t, dir, c, nil)
	l.Logger().Info("one")
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	unlock, held := lock(root)
	if !held {
		t.Fatal("the lock is not to be had")
	}
	c.Add(time.Second)
	l.Logger().Info("two")
	if got := read(t, dir, "agent.log"); !strings.HasSuffix(got, "-two\n") || strings.Count(got, "\n") != 2 {
		t.Errorf("while it is held: %q", got)
	}
	unlock()
	c.Add(turnWait)
	l.Logger().Info("three")
	if got := read(t, dir, "agent.log.2026-02-03"); strings.Count(got, "\n") != 2 {
		t.Errorf("afterwards: %q in %q", got, logFiles(t, dir))
	}
}
