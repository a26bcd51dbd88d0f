package display

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"slices"
	"strconv"
	"strings"

	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"
)

// band is how many bytes of a picture are asked for at a time: what the server sends is garbage afterwards.
const band = 4 << 20

func (x *x11) monitors() ([]Monitor, error) {
	whole, err := answer(xproto.GetGeometry(x.conn, xproto.Drawable(x.root)).Reply())
	if err != nil {
		return nil, err
	}
	scale := x.scale()
	list := x.randrMonitors(scale)
	if len(list) == 0 {
		list = []Monitor{{Name: "screen", Bounds: image.Rect(0, 0, int(whole.Width), int(whole.Height)), Scale: scale, Primary: true}}
	}
	slices.SortStableFunc(list, primaryFirst)
	return list, nil
}

func (x *x11) randrMonitors(scale float64) (list []Monitor) {
	if !x.randr {
		return nil
	}
	r, err := answer(randr.GetMonitors(x.conn, x.root, true).Reply())
	if err != nil {
		return nil
	}
	for _, m := range r.Monitors {
		name := ""
		if a, err := answer(xproto.GetAtomName(x.conn, m.Name).Reply()); err == nil {
			name = a.Name
		}
		bounds := image.Rect(0, 0, int(m.Width), int(m.Height)).Add(image.Pt(int(m.X), int(m.Y)))
		list = append(list, Monitor{Name: name, Bounds: bounds, Scale: scale, Primary: m.Primary})
	}
	return list
}

// scale is the user's own, which X desktops keep as a resource: 96 dots per inch are 1.
func (x *x11) scale() float64 {
	resources, _ := x.property(x.root, "RESOURCE_MANAGER")
	for lines := bufio.NewScanner(bytes.NewReader(resources)); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "Xft.dpi:"); ok {
			if dpi, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil && dpi > 0 {
				return dpi / 96
			}
		}
	}
	return 1
}

// capture asks for the picture in bands.
func (x *x11) capture(r image.Rectangle, pixels *image.RGBA) error {
	if x.info.ImageByteOrder != xproto.ImageOrderLSBFirst || x.setup.RootDepth < 24 {
		return fmt.Errorf("%w: a screen of %d bits", ErrUnsupported, x.setup.RootDepth)
	}
	whole, err := answer(xproto.GetGeometry(x.conn, xproto.Drawable(x.root)).Reply())
	if err != nil {
		return err
	}
	seen := r.Intersect(image.Rect(0, 0, int(whole.Width), int(whole.Height)))
	if seen.Empty() {
		return nil
	}
	rows := max(1, band/(4*seen.Dx()))
	for y := seen.Min.Y; y < seen.Max.Y; y += rows {
		part := image.Rect(seen.Min.X, y, seen.Max.X, min(y+rows, seen.Max.Y))
		if err := x.captureBand(part, pixels, part.Min.Sub(r.Min).Add(pixels.Rect.Min)); err != nil {
			return err
		}
	}
	return nil
}

func (x *x11) captureBand(part image.Rectangle, pixels *image.RGBA, at image.Point) error {
	const allPlanes = 1<<32 - 1
	r, err := answer(xproto.GetImage(x.conn, xproto.ImageFormatZPixmap, xproto.Drawable(x.root), int16(part.Min.X), int16(part.Min.Y),
		uint16(part.Dx()), uint16(part.Dy()), allPlanes).Reply())
	if err != nil {
		return fmt.Errorf("picture of %v: %w", part, err)
	}
	if len(r.Data) < 4*part.Dx()*part.Dy() {
		return fmt.Errorf("%w: %d bytes for %v", ErrUnsupported, len(r.Data), part)
	}
	for y := range part.Dy() {
		fromBGRX(pixels.Pix[pixels.PixOffset(at.X, at.Y+y):], r.Data[4*y*part.Dx():4*(y+1)*part.Dx()])
	}
	return nil
}

// fromBGRX turns pixels as servers have them into those of image.RGBA.
func fromBGRX(to, from []byte) {
	for i := 0; i+3 < len(from); i += 4 {
		to[i], to[i+1], to[i+2], to[i+3] = from[i+2], from[i+1], from[i], 0xff
	}
}
