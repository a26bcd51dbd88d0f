// Package desktop is the Lua module desktop: the windows of the logged-in user's programs, and the colour of a pixel. It
// promises that a handle is one that exists at the moment of the call. It presses no key and moves no mouse; those are
// the module input's.
package desktop

import (
	"context"
	_ "embed"
	"fmt"
	"image"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/display"
)

// grant is what a role must hold; "desktop:FUNCTION" narrows it to one function.
const grant = "desktop"

//go:embed desktop.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{Name: "desktop", Face: face, Grant: grant, Open: open}

// screen is what a module sees and moves.
type screen interface {
	Windows() ([]display.Window, error)
	Activate(handle uint64) error
	Place(handle uint64, to image.Rectangle) error
	Capture(r image.Rectangle, pixels *image.RGBA) error
}

type module struct {
	door   display.Door
	screen screen
}

func open(host bindings.Host) (*bindings.Instance, error) {
	session := &display.Session{}
	m := &module{display.Door{Host: host, Grant: grant, Thing: "a desktop"}, session}
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"windows":  {Waits: true, Do: m.windows},
		"activate": {Waits: true, Do: m.activate},
		"place":    {Waits: true, Do: m.place},
		"pixel":    {Waits: true, Do: m.pixel},
	}, Close: session.Close}, nil
}

type windowsOptions struct {
	Title   string `lua:"title" default:""`
	Process string `lua:"process" default:""`
}

type window struct {
	Handle  int64  `lua:"handle"`
	Title   string `lua:"title"`
	Process string `lua:"process"`
	PID     int    `lua:"pid"`
	X       int    `lua:"x"`
	Y       int    `lua:"y"`
	Width   int    `lua:"width"`
	Height  int    `lua:"height"`
	Active  bool   `lua:"active"`
}

func (m *module) windows(_ context.Context, opts windowsOptions) ([]window, error) {
	if err := m.door.Allow("windows"); err != nil {
		return nil, err
	}
	seen, err := m.screen.Windows()
	if err != nil {
		return nil, err
	}
	list := []window{}
	for _, w := range seen {
		if !holds(w.Title, opts.Title) || !holds(w.Process, opts.Process) {
			continue
		}
		b := w.Bounds
		list = append(list, window{int64(w.Handle), w.Title, w.Process, w.PID, b.Min.X, b.Min.Y, b.Dx(), b.Dy(), w.Active})
	}
	return list, nil
}

// holds says whether a text has another one in it, whatever their case.
func holds(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

func (m *module) activate(_ context.Context, handle int64) error {
	if err := m.door.Allow("activate"); err != nil {
		return err
	}
	return m.screen.Activate(uint64(handle))
}

type placeOptions struct {
	X      int `lua:"x"`
	Y      int `lua:"y"`
	Width  int `lua:"width"`
	Height int `lua:"height"`
}

func (m *module) place(_ context.Context, handle int64, opts placeOptions) error {
	if err := m.door.Allow("place"); err != nil {
		return err
	}
	if opts.Width < 1 || opts.Height < 1 || max(opts.Width, opts.Height, opts.X, opts.Y) > display.Farthest || min(opts.X, opts.Y) < -display.Farthest {
		return bindings.Misused("a window of %d by %d at %d,%d", opts.Width, opts.Height, opts.X, opts.Y)
	}
	to := image.Rect(0, 0, opts.Width, opts.Height).Add(image.Pt(opts.X, opts.Y))
	return m.screen.Place(uint64(handle), to)
}

// pixel gives a colour as web pages write it.
func (m *module) pixel(_ context.Context, x, y int) (string, error) {
	if err := m.door.Allow("pixel"); err != nil {
		return "", err
	}
	pixels := image.NewRGBA(image.Rect(0, 0, 1, 1))
	if err := m.screen.Capture(image.Rect(x, y, x+1, y+1), pixels); err != nil {
		return "", err
	}
	if pixels.Pix[3] == 0 {
		return "", bindings.Fail("not_found", "pixel %d,%d: outside of all monitors", x, y)
	}
	return fmt.Sprintf("#%02x%02x%02x", pixels.Pix[0], pixels.Pix[1], pixels.Pix[2]), nil
}
