package screenshot

import (
	"context"
	"encoding/base64"
	"image"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// maxPixels bounds a picture: more than two 8K screens beside each other.
const maxPixels = 1 << 26

// maxImage is the most that an encoded picture may have: as base64 it is 4 MiB, which is the longest text of a role.
const maxImage = 3 << 20

type captureOptions struct {
	Monitor *int    `lua:"monitor"`
	Window  *int64  `lua:"window"`
	X       *int    `lua:"x"`
	Y       *int    `lua:"y"`
	Width   *int    `lua:"width"`
	Height  *int    `lua:"height"`
	Format  string  `lua:"format" default:"png"`
	Quality int     `lua:"quality" default:"80"`
	Scale   float64 `lua:"scale" default:"1"`
	Unless  string  `lua:"unless" default:""`
	Base64  bool    `lua:"base64" default:"false"`
}

// picture is what was seen.
type picture struct {
	Image     []byte `lua:"image"`
	Format    string `lua:"format"`
	X         int    `lua:"x"`
	Y         int    `lua:"y"`
	Width     int    `lua:"width"`
	Height    int    `lua:"height"`
	Hash      string `lua:"hash"`
	Unchanged bool   `lua:"unchanged"`
}

func (m *module) capture(_ context.Context, opts captureOptions) (*picture, error) {
	if err := m.door.Allow("capture"); err != nil {
		return nil, err
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, whole, err := m.region(opts)
	if err != nil {
		return nil, err
	}
	if r.Empty() || r.Dx()*r.Dy() > maxPixels {
		return nil, bindings.Misused("a picture of %d by %d pixels; at most %d in all", r.Dx(), r.Dy(), maxPixels)
	}
	pixels := m.studio.canvas(r)
	if err := m.screen.Capture(r, pixels); err != nil {
		return nil, err
	}
	if whole && black(pixels) {
		return nil, bindings.Fail("black", "all of the screen is black: it is off, locked, or nobody may look at it")
	}
	return m.develop(r, pixels, opts)
}

func (o captureOptions) check() error {
	switch {
	case o.Format != "png" && o.Format != "jpeg":
		return bindings.Misused(`option format: %q is neither "png" nor "jpeg"`, o.Format)
	case o.Quality < 1 || o.Quality > 100:
		return bindings.Misused("option quality: %d is not within 1 and 100", o.Quality)
	case o.Scale <= 0 || o.Scale > 1:
		return bindings.Misused("option scale: %g is not above 0 and at most 1", o.Scale)
	case o.Monitor != nil && o.Window != nil:
		return bindings.Misused("options monitor and window: one of the two")
	case (o.Width == nil) != (o.Height == nil):
		return bindings.Misused("options width and height: both or none")
	}
	return nil
}

// region is what is to be seen, and whether that is a whole monitor or more. x and y count from the monitor or the window,
// if one is named, else from the desktop.
func (m *module) region(o captureOptions) (r image.Rectangle, whole bool, err error) {
	base, err := m.base(o)
	if err != nil {
		return r, false, err
	}
	at, r := base.Min, base
	if o.X != nil {
		at.X, r.Min.X = base.Min.X+*o.X, base.Min.X+*o.X
	}
	if o.Y != nil {
		at.Y, r.Min.Y = base.Min.Y+*o.Y, base.Min.Y+*o.Y
	}
	if o.Width != nil {
		r = image.Rect(0, 0, max(0, *o.Width), max(0, *o.Height)).Add(at)
	}
	return r, r == base && o.Window == nil, nil
}

// base is a monitor, a window, or all monitors together.
func (m *module) base(o captureOptions) (r image.Rectangle, err error) {
	if o.Window != nil {
		return m.window(*o.Window)
	}
	list, err := m.screen.Monitors()
	if err != nil {
		return r, err
	}
	if o.Monitor != nil {
		if *o.Monitor < 1 || *o.Monitor > len(list) {
			return r, bindings.Fail("not_found", "monitor %d: there are %d", *o.Monitor, len(list))
		}
		return list[*o.Monitor-1].Bounds, nil
	}
	for _, s := range list {
		r = r.Union(s.Bounds)
	}
	return r, nil
}

func (m *module) window(handle int64) (r image.Rectangle, err error) {
	list, err := m.screen.Windows()
	if err != nil {
		return r, err
	}
	for _, w := range list {
		if int64(w.Handle) == handle {
			return w.Bounds, nil
		}
	}
	return r, bindings.Fail("not_found", "window %d: there is no such window", handle)
}

// develop makes a picture of pixels, unless it is the one that the role has.
func (m *module) develop(r image.Rectangle, pixels *image.RGBA, o captureOptions) (*picture, error) {
	p := &picture{Format: o.Format, X: r.Min.X, Y: r.Min.Y, Width: r.Dx(), Height: r.Dy(), Hash: m.studio.hash(r, pixels)}
	if p.Unchanged = p.Hash == o.Unless; p.Unchanged {
		return p, nil
	}
	text, err := m.studio.encode(m.studio.scaled(pixels, o.Scale), o.Format, o.Quality)
	if err != nil {
		return nil, err
	}
	if len(text) > maxImage {
		return nil, bindings.Fail("limit", "a picture of %d bytes, of %d: take jpeg, a lower quality or a scale", len(text), maxImage)
	}
	if o.Base64 {
		p.Image = base64.StdEncoding.AppendEncode(nil, text)
	} else {
		p.Image = append([]byte(nil), text...)
	}
	return p, nil
}
