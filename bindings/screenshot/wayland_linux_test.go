package screenshot

import (
	"image/color"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings/display/displaytest"
)

func TestPicturesOfAWaylandSession(t *testing.T) {
	displaytest.StartSway(t)
	r := openRole(t)
	list, err := r.call(t.Context(), "monitors")
	if err != nil {
		t.Fatal(err)
	}
	all := list.([]any)
	if len(all) != 2 {
		t.Fatalf("%v", list)
	}
	for _, m := range all {
		m := m.(map[string]any)
		if m["width"] != 1280.0 || m["height"] != 720.0 || m["scale"] != 1.0 {
			t.Errorf("%v", m)
		}
	}
	background := color.RGBA{0xe0, 0x60, 0x10, 0xff}
	displaytest.Until(t, "the background", func() bool {
		_, shown := r.must(opts{"monitor": 1.0})
		return color.RGBAModel.Convert(shown.At(640, 600)) == background
	})
	got, shown := r.must(nil)
	if got["width"] != 2560.0 || shown.Bounds().Dy() != 720 {
		t.Errorf("%v", got["width"])
	}
	_, shown = r.must(opts{"x": 1270.0, "y": 600.0, "width": 20.0, "height": 10.0}) // on both outputs
	expect(t, shown, 0, 5, background)
	expect(t, shown, 19, 5, background)
	r.refused(opts{"window": 1.0}, "unsupported")
}
