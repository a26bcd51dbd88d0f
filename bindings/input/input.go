// Package input is the Lua module input: it types, presses keys and moves the mouse as the logged-in user. It promises
// that what it presses is let go of, that a call which is cancelled stops at the next key, and that a mistake in a key's
// name presses none. Where it types is the active window's matter; which that is, the module desktop says.
package input

import (
	"context"
	_ "embed"
	"image"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/display"
)

// grant is what a role must hold. No shipped role has it by itself: an operator allows it.
const grant = "input"

//go:embed input.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{Name: "input", Face: face, Grant: grant, Open: open}

// typist is the keyboard of a session, and mouse what moves there.
type (
	typist interface {
		Text(text string) error
		Stroke(s display.Stroke) error
	}
	mouse interface {
		Move(to image.Point) error
		Button(number int, c display.Change) error
		Wheel(x, y int) error
	}
)

type module struct {
	door  display.Door
	keys  typist
	mouse mouse
}

func open(host bindings.Host) (*bindings.Instance, error) {
	session := &display.Session{}
	m := &module{display.Door{Host: host, Grant: grant, Thing: "a keyboard"}, session, session}
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"text":  {Waits: true, Do: m.text},
		"keys":  {Waits: true, Do: m.send},
		"move":  {Waits: true, Do: m.move},
		"click": {Waits: true, Do: m.click},
		"drag":  {Waits: true, Do: m.drag},
		"wheel": {Waits: true, Do: m.wheel},
	}, Close: session.Close}, nil
}

// pause waits, unless the call ends.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
