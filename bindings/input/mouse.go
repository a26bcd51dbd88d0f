package input

import (
	"context"
	"errors"
	"image"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/display"
)

func checkPoint(x, y int) error {
	if max(x, y) > display.Farthest || min(x, y) < -display.Farthest {
		return bindings.Misused("%d,%d is no pixel", x, y)
	}
	return nil
}

func (m *module) move(_ context.Context, x, y int) error {
	if err := m.door.Allow("move"); err != nil {
		return err
	}
	if err := checkPoint(x, y); err != nil {
		return err
	}
	return m.mouse.Move(image.Pt(x, y))
}

type clickOptions struct {
	X      *int   `lua:"x"`
	Y      *int   `lua:"y"`
	Button string `lua:"button" default:"left"`
	Count  int    `lua:"count" default:"1"`
}

func buttonOf(name string) (int, error) {
	number, ok := map[string]int{"left": 1, "middle": 2, "right": 3}[name]
	if !ok {
		return 0, bindings.Misused(`option button: %q is none of "left", "middle" and "right"`, name)
	}
	return number, nil
}

func (m *module) click(ctx context.Context, opts clickOptions) error {
	if err := m.door.Allow("click"); err != nil {
		return err
	}
	button, err := buttonOf(opts.Button)
	switch {
	case err != nil:
		return err
	case opts.Count < 1 || opts.Count > 3:
		return bindings.Misused("option count: %d is not within 1 and 3", opts.Count)
	case (opts.X == nil) != (opts.Y == nil):
		return bindings.Misused("options x and y: both or none")
	}
	if opts.X != nil {
		if err := checkPoint(*opts.X, *opts.Y); err != nil {
			return err
		}
		if err := m.mouse.Move(image.Pt(*opts.X, *opts.Y)); err != nil {
			return err
		}
	}
	for range opts.Count {
		if err := m.press(ctx, button, display.Tap); err != nil {
			return err
		}
	}
	return nil
}

// A window manager that takes a click to raise its window holds the mouse for a moment, and what the mouse does in that
// moment may be lost: of 50 turns of the wheel right after a click, openbox lost 14, and none after 5 ms.
const clickPause = 10 * time.Millisecond

func (m *module) press(ctx context.Context, button int, c display.Change) error {
	if err := m.mouse.Button(button, c); err != nil {
		return err
	}
	return pause(ctx, clickPause)
}

type dragOptions struct {
	FromX  int    `lua:"from_x"`
	FromY  int    `lua:"from_y"`
	ToX    int    `lua:"to_x"`
	ToY    int    `lua:"to_y"`
	Button string `lua:"button" default:"left"`
}

// Programs take a drag for one only when the mouse moves while the button is down, and not in one leap.
const (
	dragSteps = 10
	dragPause = 10 * time.Millisecond
)

func (m *module) drag(ctx context.Context, opts dragOptions) (err error) {
	if err := m.door.Allow("drag"); err != nil {
		return err
	}
	button, err := buttonOf(opts.Button)
	if err == nil {
		err = errors.Join(checkPoint(opts.FromX, opts.FromY), checkPoint(opts.ToX, opts.ToY))
	}
	if err != nil {
		return err
	}
	if err := m.mouse.Move(image.Pt(opts.FromX, opts.FromY)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.press(ctx, button, display.Up)) }()
	if err := m.press(ctx, button, display.Down); err != nil {
		return err
	}
	for i := 1; i <= dragSteps; i++ {
		at := image.Pt(opts.FromX+(opts.ToX-opts.FromX)*i/dragSteps, opts.FromY+(opts.ToY-opts.FromY)*i/dragSteps)
		if err := m.mouse.Move(at); err != nil {
			return err
		}
		if err := pause(ctx, dragPause); err != nil {
			return err
		}
	}
	return nil
}

type wheelOptions struct {
	X int `lua:"x" default:"0"`
	Y int `lua:"y" default:"0"`
}

func (m *module) wheel(_ context.Context, opts wheelOptions) error {
	if err := m.door.Allow("wheel"); err != nil {
		return err
	}
	if max(opts.X, opts.Y) > 100 || min(opts.X, opts.Y) < -100 {
		return bindings.Misused("%d,%d notches: at most 100", opts.X, opts.Y)
	}
	return m.mouse.Wheel(opts.X, opts.Y)
}
