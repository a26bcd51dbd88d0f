package display

import (
	"errors"
	"image"

	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

func (k *xKeyboard) move(to image.Point) error {
	return xtest.FakeInputChecked(k.x.conn, xproto.MotionNotify, 0, 0, k.x.root, int16(to.X), int16(to.Y), 0).Check()
}

func (k *xKeyboard) button(number int, c Change) error {
	if c == Tap {
		return errors.Join(k.button(number, Down), k.button(number, Up))
	}
	what := byte(xproto.ButtonPress)
	if c == Up {
		what = xproto.ButtonRelease
	}
	return k.event(what, byte(number))
}

// wheel turns by the buttons that X has for it.
func (k *xKeyboard) wheel(x, y int) error {
	for _, turn := range []struct{ n, button int }{{-y, 4}, {y, 5}, {-x, 6}, {x, 7}} {
		for range max(0, turn.n) {
			if err := k.button(turn.button, Tap); err != nil {
				return err
			}
		}
	}
	return nil
}
