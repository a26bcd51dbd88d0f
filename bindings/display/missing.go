package display

import "image"

// missing is every part that a system does not have.
type missing struct{}

// complete puts missing in the place of each part that is not there.
func (c *screen) complete() {
	if c.capturer == nil {
		c.capturer = missing{}
	}
	if c.keyboard == nil {
		c.keyboard = missing{}
	}
	if c.pointer == nil {
		c.pointer = missing{}
	}
	if c.desk == nil {
		c.desk = missing{}
	}
}

func (missing) monitors() ([]Monitor, error)               { return nil, ErrUnsupported }
func (missing) capture(image.Rectangle, *image.RGBA) error { return ErrUnsupported }
func (missing) text(string) error                          { return ErrUnsupported }
func (missing) stroke(Stroke) error                        { return ErrUnsupported }
func (missing) move(image.Point) error                     { return ErrUnsupported }
func (missing) button(int, Change) error                   { return ErrUnsupported }
func (missing) wheel(int, int) error                       { return ErrUnsupported }
func (missing) windows() ([]Window, error)                 { return nil, ErrUnsupported }
func (missing) activate(uint64) error                      { return ErrUnsupported }
func (missing) place(uint64, image.Rectangle) error        { return ErrUnsupported }
