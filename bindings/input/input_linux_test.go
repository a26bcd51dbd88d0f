package input

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/display"
	"github.com/bunny-lab-io/borealis-agent/bindings/display/displaytest"
)

type role struct {
	t    testing.TB
	call displaytest.Call
}

func openRole(t testing.TB) role { return role{t, displaytest.Open(t, Binding, "interactive")} }

type opts = map[string]any

func (r role) do(f string, args ...any) error {
	_, err := r.call(context.Background(), f, args...)
	return err
}

func (r role) must(f string, args ...any) {
	r.t.Helper()
	if err := r.do(f, args...); err != nil {
		r.t.Fatal(err)
	}
}

// typewriter is an xterm that writes what is typed into a file, line by line; it has the keyboard when it is returned.
func typewriter(t testing.TB, s *displaytest.Server) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "typed")
	t.Setenv("LC_ALL", "C.UTF-8")
	s.Show(t, "xterm", "-u8", "-T", "typewriter", "-geometry", "100x40+0+0", "-e", "sh", "-c", "stty -echo; touch "+path+"; exec cat >> "+path)
	focus(t, "typewriter")
	displaytest.Until(t, "the terminal", func() bool { _, err := os.Stat(path); return err == nil })
	return path
}

// focus waits for a window and gives it the keyboard.
func focus(t testing.TB, title string) {
	t.Helper()
	var session display.Session
	defer func() { _ = session.Close() }()
	var list []display.Window
	var trouble error
	defer func() {
		if t.Failed() {
			t.Logf("windows: %+v; %v", list, trouble)
		}
	}()
	displaytest.Until(t, "the window "+title, func() bool {
		if list, trouble = session.Windows(); trouble != nil {
			return false
		}
		for _, w := range list {
			if strings.Contains(w.Title, title) {
				trouble = session.Activate(w.Handle)
				return trouble == nil
			}
		}
		return false
	})
}

func reads(t *testing.T, path, want string) {
	t.Helper()
	var got []byte
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && string(got) != want; time.Sleep(20 * time.Millisecond) {
		got, _ = os.ReadFile(path)
	}
	if string(got) != want {
		t.Errorf("typed %q, want %q", got, want)
	}
}

// desk starts a server with a window manager.
func desk(t testing.TB) *displaytest.Server {
	t.Helper()
	s := displaytest.Start(t, "1280x800")
	s.Manage(t)
	return s
}

func TestTextArrivesInATerminal(t *testing.T) {
	for _, layout := range []string{"us", "pl", "de"} {
		t.Run(layout, func(t *testing.T) {
			s := desk(t)
			s.Run(t, "setxkbmap", layout)
			path := typewriter(t, s)
			r := openRole(t)
			// No more characters that need a lent key than there are keys to lend: a busy terminal may be too late for a second loan.
			const text = "Hello, World! 100% ~ @#$^&*()[]{}<>|\\\"'`/?;:_-+=\nzażółć gęślą jaźń ÄÖÜß €\nпривет 漢字 🦊\n"
			r.must("text", text)
			reads(t, path, text)
			r.must("keys", "a{BS}b{Space}{c 3}+d{Enter}{Text}^c{F5}\n")
			reads(t, path, text+"b cccD\n^c{F5}\n")
		})
	}
}

func TestCapsLockChangesNoLetter(t *testing.T) {
	s := desk(t)
	path := typewriter(t, s)
	r := openRole(t)
	r.must("keys", "{CapsLock}")
	r.must("text", "MiXeD\n")
	r.must("keys", "{CapsLock}")
	r.must("text", "aB\n")
	reads(t, path, "MiXeD\naB\n")
}

// TestTheKeyboardIsAsBefore sees that keys which were lent for a while bear nothing afterwards, and that none stays down.
func TestTheKeyboardIsAsBefore(t *testing.T) {
	s := desk(t)
	typewriter(t, s)
	mapping := func() string { return s.Run(t, "xmodmap", "-pke") }
	before := mapping()
	r := openRole(t)
	r.must("text", "привет 漢字 🦊\n")
	r.must("keys", "{Shift down}x{Shift up}")
	if after := mapping(); after != before {
		t.Errorf("the mapping is another one:\n%s\nwas\n%s", after, before)
	}
	if err := r.do("keys", "{Ctrl down}{F24}"); err == nil { // this keyboard may have one
		r.must("keys", "{Ctrl up}")
	}
}

func TestAMistakePressesNothing(t *testing.T) {
	s := desk(t)
	path := typewriter(t, s)
	r := openRole(t)
	for _, wrong := range []struct {
		f    string
		args []any
	}{
		{"keys", []any{"abc{Etner}"}},
		{"keys", []any{"abc^"}},
		{"text", []any{"\xff"}},
		{"text", []any{strings.Repeat("x", maxText+1)}},
		{"text", []any{"x", opts{"rate": -1.0}}},
		{"click", []any{opts{"button": "first"}}},
		{"click", []any{opts{"x": 1.0}}},
		{"click", []any{opts{"count": 9.0}}},
		{"move", []any{1e6, 1.0}},
		{"wheel", []any{opts{"y": 1000.0}}},
	} {
		var misuse *bindings.Misuse
		if err := r.do(wrong.f, wrong.args...); !errors.As(err, &misuse) {
			t.Errorf("%s %.40q: %v", wrong.f, wrong.args, err)
		}
	}
	r.must("text", "ok\n")
	reads(t, path, "ok\n")
}

func TestACancelledCallStopsAtTheNextKey(t *testing.T) {
	s := desk(t)
	path := typewriter(t, s)
	r := openRole(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := r.call(ctx, "text", strings.Repeat("x", 1000), opts{"rate": 100.0})
	if err == nil {
		t.Error("it typed all of it")
	}
	r.must("keys", "{Enter}")
	displaytest.Until(t, "a line", func() bool { text, _ := os.ReadFile(path); return strings.HasSuffix(string(text), "\n") })
	if text, _ := os.ReadFile(path); len(text) > 200 {
		t.Errorf("%d characters in 0.3 s at 100 a second", len(text))
	}
}

// TestAnEntryOfGTK types into a dialog and confirms it.
func TestAnEntryOfGTK(t *testing.T) {
	s := desk(t)
	displaytest.Need(t, "zenity")
	path := filepath.Join(t.TempDir(), "said")
	t.Setenv("LC_ALL", "C.UTF-8")
	s.Show(t, "sh", "-c", "exec zenity --entry --title=ask --text=who > "+path)
	focus(t, "ask")
	time.Sleep(300 * time.Millisecond) // GTK shows its entry a little after its window
	r := openRole(t)
	r.must("text", "zażółć привет 🦊")
	r.must("keys", "{Enter}")
	reads(t, path, "zażółć привет 🦊\n")
}

func TestTheMouse(t *testing.T) {
	at, said := target(t)
	r := openRole(t)
	x, y := float64(at.Bounds.Min.X+200), float64(at.Bounds.Min.Y+150)
	r.must("click", opts{"x": x, "y": y, "button": "right"})
	r.must("wheel", opts{"y": 2.0})
	r.must("drag", opts{"from_x": x, "from_y": y, "to_x": x + 50, "to_y": y + 20})
	r.must("move", x, y)
	displaytest.Until(t, "the events", func() bool {
		said := said()
		return strings.Count(said, "button 3") == 2 && strings.Count(said, "button 5") == 4 && strings.Count(said, "button 1") == 2 &&
			strings.Contains(said, "(200,150)") && strings.Contains(said, "(250,170)")
	})
}

// TestTheWheelAfterAClick turns it while the window manager may still hold the mouse.
func TestTheWheelAfterAClick(t *testing.T) {
	at, said := target(t)
	r := openRole(t)
	r.must("move", float64(at.Bounds.Min.X+200), float64(at.Bounds.Min.Y+150))
	const times, notches = 20, 3
	for range times {
		r.must("click")
		r.must("wheel", opts{"y": float64(notches)})
	}
	displaytest.Until(t, "every notch", func() bool { return strings.Count(said(), "button 5") == 2*times*notches })
}

// target is a window that tells what the mouse does in it.
func target(t *testing.T) (at display.Window, said func() string) {
	t.Helper()
	s := desk(t)
	log := filepath.Join(t.TempDir(), "events")
	s.Show(t, "sh", "-c", "exec stdbuf -oL xev -name target -geometry 400x300+100+100 -event mouse -event button > "+log)
	said = func() string { text, _ := os.ReadFile(log); return string(text) }
	var session display.Session
	t.Cleanup(func() { _ = session.Close() })
	displaytest.Until(t, "the window to be where it stays", func() bool {
		before := at
		list, err := session.Windows()
		for _, w := range list {
			if w.Title == "target" {
				at = w
			}
		}
		time.Sleep(200 * time.Millisecond)
		return err == nil && at.Active && at.Bounds == before.Bounds
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("window %+v: %s", at, said())
		}
	})
	return at, said
}

func TestWhyNothingCanBeTyped(t *testing.T) {
	s := desk(t)
	r := openRole(t)
	if got := displaytest.Code(r.do("keys", "{F24}")); got != "no_key" && got != "" {
		t.Errorf("code %q", got)
	}
	s.Kill()
	if got := displaytest.Code(r.do("text", "x")); got != "lost" && got != "no_display" {
		t.Errorf("code %q", got)
	}
	t.Setenv("DISPLAY", "")
	if got := displaytest.Code(openRole(t).do("text", "x")); got != "no_display" {
		t.Errorf("code %q", got)
	}
}

// BenchmarkText measures how fast characters arrive in a terminal, each and all of them.
func BenchmarkText(b *testing.B) {
	s := desk(b)
	path := typewriter(b, s)
	r := openRole(b)
	line := strings.Repeat("the quick brown fox jumps over the lazy dog 0123456789 ", 18)[:990] + "\n"
	typed := 0
	for b.Loop() {
		r.must("text", line)
		typed += len(line)
		displaytest.Until(b, "the line", func() bool { info, err := os.Stat(path); return err == nil && int(info.Size()) == typed })
	}
	text, _ := os.ReadFile(path)
	if strings.ReplaceAll(string(text), line, "") != "" {
		b.Error("what was typed is not what arrived")
	}
	b.ReportMetric(float64(typed)/b.Elapsed().Seconds(), "characters/s")
}
