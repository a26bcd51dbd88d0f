// Package screenshot is the Lua module screenshot: pictures of the logged-in user's screen, or of a part of it. It
// promises that a picture is never black because nothing could be seen, that what has not changed need not be encoded
// nor carried, and that no picture stays in memory beside the one that is being made. It sends nothing anywhere.
package screenshot

import (
	"context"
	_ "embed"
	"image"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/display"
)

// grant is what a role must hold.
const grant = "screenshot"

//go:embed screenshot.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{Name: "screenshot", Face: face, Grant: grant, Open: open}

// screen is what a module sees.
type screen interface {
	Monitors() ([]display.Monitor, error)
	Windows() ([]display.Window, error)
	Capture(r image.Rectangle, pixels *image.RGBA) error
}

type module struct {
	door   display.Door
	screen screen

	mu     sync.Mutex // one picture at a time, in the same memory
	studio studio
}

func open(host bindings.Host) (*bindings.Instance, error) {
	session := &display.Session{}
	m := &module{door: display.Door{Host: host, Grant: grant, Thing: "a screen"}, screen: session}
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"monitors": {Waits: true, Do: m.monitors},
		"capture":  {Waits: true, Do: m.capture},
	}, Close: session.Close}, nil
}

type monitor struct {
	Name    string  `lua:"name"`
	X       int     `lua:"x"`
	Y       int     `lua:"y"`
	Width   int     `lua:"width"`
	Height  int     `lua:"height"`
	Scale   float64 `lua:"scale"`
	Primary bool    `lua:"primary"`
}

func (m *module) monitors(context.Context) ([]monitor, error) {
	if err := m.door.Allow("monitors"); err != nil {
		return nil, err
	}
	seen, err := m.screen.Monitors()
	if err != nil {
		return nil, err
	}
	list := []monitor{}
	for _, s := range seen {
		list = append(list, monitor{s.Name, s.Bounds.Min.X, s.Bounds.Min.Y, s.Bounds.Dx(), s.Bounds.Dy(), s.Scale, s.Primary})
	}
	return list, nil
}
