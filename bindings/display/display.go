// Package display is the screen, the keyboard, the mouse and the windows of the login session that a process belongs to,
// for the bindings that look at them. It promises that a connection which was lost is opened anew at the next call, that
// what it presses is let go of, and that whatever cannot be done fails as bindings do, with one word for why.
package display

import (
	"errors"
	"fmt"
	"image"
	"sync"
)

// Why something cannot be done.
var (
	ErrUnsupported = errors.New("not supported here")
	ErrNoDisplay   = errors.New("there is no display")
	ErrPermission  = errors.New("the display lets nobody of ours in")
	ErrLocked      = errors.New("the session is locked")
	ErrLost        = errors.New("the display went away")
	ErrNoWindow    = errors.New("there is no such window")
	ErrNoKey       = errors.New("there is no such key")
)

// Monitor is a part of the desktop that is shown on its own. All coordinates are pixels of the whole desktop.
type Monitor struct {
	Name    string
	Bounds  image.Rectangle
	Scale   float64 // pixels per unit of the user's own scaling
	Primary bool
}

// primaryFirst orders monitors.
func primaryFirst(a, b Monitor) int {
	switch {
	case a.Primary == b.Primary:
		return 0
	case a.Primary:
		return -1
	}
	return 1
}

// Farthest is how far from the first pixel, in either direction, X11 can name one.
const Farthest = 1<<15 - 1

// Window is a window of a program.
type Window struct {
	Handle  uint64
	Title   string
	Process string // the program's name, "" where it is not known
	PID     int    // 0 where it is not known
	Bounds  image.Rectangle
	Active  bool
}

// Stroke is a key with the modifiers that are held meanwhile.
type Stroke struct {
	Key    string   // one of KeyNames, or one character
	Mods   []string // "ctrl", "shift", "alt", "super"
	Change Change
}

// Change says what happens to a key or a button.
type Change int

// A key is pressed and let go of, or only one of the two.
const (
	Tap Change = iota
	Down
	Up
)

// The parts of a session, of which a system may miss some.
type (
	capturer interface {
		monitors() ([]Monitor, error)
		// capture fills pixels with what is at r, which lies within the desktop and has the size of pixels.
		capture(r image.Rectangle, pixels *image.RGBA) error
	}
	keyboard interface {
		text(text string) error
		stroke(s Stroke) error
	}
	pointer interface {
		move(to image.Point) error
		button(number int, c Change) error
		wheel(x, y int) error
	}
	desk interface {
		windows() ([]Window, error)
		activate(handle uint64) error
		place(handle uint64, to image.Rectangle) error
	}
)

// screen is a session that is open. A part that its system misses is nil until complete.
type screen struct {
	capturer
	keyboard
	pointer
	desk
	lost  func() bool
	close func()
}

// Session is the login session of this process. The zero value is closed; its methods may be called from many
// goroutines, and take turns.
type Session struct {
	mu     sync.Mutex
	screen *screen // nil while there is none
}

// use opens the session if need be, and lets go of one that was lost. What fails has its one word.
func (s *Session) use(f func(*screen) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return failure(s.useLocked(f))
}

func (s *Session) useLocked(f func(*screen) error) error {
	if s.screen != nil && s.screen.lost() {
		s.shutLocked()
	}
	if s.screen == nil {
		opened, err := open()
		if err != nil {
			return err
		}
		opened.complete()
		s.screen = opened
	}
	err := f(s.screen)
	if err != nil && s.screen.lost() {
		s.shutLocked()
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return err
}

func (s *Session) shutLocked() {
	s.screen.close()
	s.screen = nil
}

// Close lets go of the session, until it is used again.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.screen != nil {
		s.shutLocked()
	}
	return nil
}

// Monitors lists them, the primary one first.
func (s *Session) Monitors() (list []Monitor, err error) {
	err = s.use(func(c *screen) error { list, err = c.monitors(); return err })
	return list, err
}

// Capture fills pixels with what is at r. What lies outside of all monitors is left as it is.
func (s *Session) Capture(r image.Rectangle, pixels *image.RGBA) error {
	return s.use(func(c *screen) error { return c.capture(r, pixels) })
}

// Windows lists the windows that have a title, as the window manager has them.
func (s *Session) Windows() (list []Window, err error) {
	err = s.use(func(c *screen) error { list, err = c.windows(); return err })
	return list, err
}

// Activate raises a window and gives it the keyboard.
func (s *Session) Activate(handle uint64) error {
	return s.use(func(c *screen) error { return c.activate(handle) })
}

// Place moves and resizes a window.
func (s *Session) Place(handle uint64, to image.Rectangle) error {
	return s.use(func(c *screen) error { return c.place(handle, to) })
}

// Text types a text, whatever the layout of the keyboard.
func (s *Session) Text(text string) error {
	return s.use(func(c *screen) error { return c.text(text) })
}

// Stroke presses a key. What it held is let go of, also when it fails.
func (s *Session) Stroke(k Stroke) error {
	return s.use(func(c *screen) error { return c.stroke(k) })
}

// Move moves the mouse.
func (s *Session) Move(to image.Point) error {
	return s.use(func(c *screen) error { return c.move(to) })
}

// Button presses a button: 1 left, 2 middle, 3 right.
func (s *Session) Button(number int, ch Change) error {
	return s.use(func(c *screen) error { return c.button(number, ch) })
}

// Wheel turns the wheel by notches, to the right and down.
func (s *Session) Wheel(x, y int) error {
	return s.use(func(c *screen) error { return c.wheel(x, y) })
}
