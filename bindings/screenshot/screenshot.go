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
	host   bindings.Host
	screen screen

	mu     sync.Mutex // one picture at a time, in the same memory
	studio studio
}

func open(host bindings.Host) (*bindings.Instance, error) {
	session := &display.Session{}
	m := &module{host: host, screen: session}
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"monitors": {Waits: true, Do: m.monitors},
		"capture":  {Waits: true, Do: m.capture},
	}, Close: session.Close}, nil
}

// allowed says whether the role may look, and whether there is anything to look at.
func (m *module) allowed(function string) error {
	if err := m.host.Allow(grant, function); err != nil {
		return err
	}
	if m.host.Place().Context != "interactive" {
		return bindings.Fail("unsupported", `a screen is a logged-in user's: ROLE_CONTEXTS = { "interactive" }`)
	}
	return nil
}

// failure gives what the display said its one word.
func failure(err error) error {
	if err == nil {
		return nil
	}
	return bindings.Fail(display.Code(err), "%w", err)
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
	if err := m.allowed("monitors"); err != nil {
		return nil, err
	}
	seen, err := m.screen.Monitors()
	if err != nil {
		return nil, failure(err)
	}
	list := []monitor{}
	for _, s := range seen {
		list = append(list, monitor{s.Name, s.Bounds.Min.X, s.Bounds.Min.Y, s.Bounds.Dx(), s.Bounds.Dy(), s.Scale, s.Primary})
	}
	return list, nil
}
