package screenshot

import (
	"bytes"
	"context"
	"encoding/base64"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"runtime"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/display"
	"github.com/bunny-lab-io/borealis-agent/bindings/display/displaytest"
)

// role calls the module as a role of the logged-in user does.
type role struct {
	t    testing.TB
	call displaytest.Call
}

func openRole(t testing.TB) role { return role{t, displaytest.Open(t, Binding, "interactive")} }

type opts = map[string]any

func (r role) capture(o opts) (map[string]any, error) {
	got, err := r.call(context.Background(), "capture", o)
	if err != nil {
		return nil, err
	}
	return got.(map[string]any), nil
}

func (r role) must(o opts) (map[string]any, image.Image) {
	r.t.Helper()
	got, err := r.capture(o)
	if err != nil {
		r.t.Fatal(err)
	}
	text := []byte(got["image"].(string))
	if o["base64"] == true {
		if text, err = base64.StdEncoding.DecodeString(string(text)); err != nil {
			r.t.Fatal(err)
		}
	}
	if len(text) == 0 {
		return got, nil
	}
	decode := png.Decode
	if o["format"] == "jpeg" {
		decode = jpeg.Decode
	}
	shown, err := decode(bytes.NewReader(text))
	if err != nil {
		r.t.Fatal(err)
	}
	return got, shown
}

func (r role) refused(o opts, code string) {
	r.t.Helper()
	got, err := r.capture(o)
	if displaytest.Code(err) != code {
		r.t.Errorf("%v: %v, %v; want %q", o, got, err, code)
	}
}

// paint shows a window without a frame, of one colour, and gives its handle.
func paint(t testing.TB, r image.Rectangle, c uint32) (handle xproto.Window, again func(c uint32)) {
	t.Helper()
	var session display.Session // the first one quietens what all connections share
	_, _ = session.Monitors()
	_ = session.Close()
	conn, err := xgb.NewConn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	root := xproto.Setup(conn).DefaultScreen(conn)
	w, _ := xproto.NewWindowId(conn)
	show := func(err error) {
		if err == nil {
			_, err = xproto.GetInputFocus(conn).Reply() // everything before it is done
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	show(xproto.CreateWindowChecked(conn, root.RootDepth, w, root.Root, int16(r.Min.X), int16(r.Min.Y), uint16(r.Dx()), uint16(r.Dy()), 0,
		xproto.WindowClassInputOutput, root.RootVisual, xproto.CwBackPixel|xproto.CwOverrideRedirect, []uint32{c, 1}).Check())
	show(xproto.ChangePropertyChecked(conn, xproto.PropModeReplace, w, xproto.AtomWmName, xproto.AtomString, 8, 7, []byte("painted")).Check())
	show(xproto.MapWindowChecked(conn, w).Check())
	return w, func(c uint32) {
		show(xproto.ChangeWindowAttributesChecked(conn, w, xproto.CwBackPixel, []uint32{c}).Check())
		show(xproto.ClearAreaChecked(conn, false, w, 0, 0, 0, 0).Check())
	}
}

func expect(t *testing.T, shown image.Image, x, y int, want color.RGBA) {
	t.Helper()
	if got := color.RGBAModel.Convert(shown.At(x, y)).(color.RGBA); got != want {
		t.Errorf("pixel %d,%d is %v, want %v", x, y, got, want)
	}
}

var (
	orange = color.RGBA{0xe0, 0x60, 0x10, 0xff}
	blue   = color.RGBA{0x10, 0x40, 0xf0, 0xff}
	dark   = color.RGBA{0, 0, 0, 0xff}
)

func TestPixelsOfTwoMonitors(t *testing.T) {
	displaytest.Start(t, "1920x800").TwoMonitors(t)
	window, _ := paint(t, image.Rect(1200, 100, 1400, 200), 0xe06010) // on both monitors
	r := openRole(t)
	list, err := r.call(t.Context(), "monitors")
	if err != nil {
		t.Fatal(err)
	}
	left, right := list.([]any)[0].(map[string]any), list.([]any)[1].(map[string]any)
	if left["name"] != "L" || left["width"] != 1280.0 || right["name"] != "R" || right["x"] != 1280.0 || right["height"] != 600.0 || left["scale"] != 1.0 {
		t.Errorf("monitors: %v", list)
	}
	got, shown := r.must(nil)
	if got["width"] != 1920.0 || got["height"] != 800.0 || got["format"] != "png" {
		t.Errorf("%v", got)
	}
	expect(t, shown, 1200, 100, orange)
	expect(t, shown, 1399, 199, orange)
	expect(t, shown, 1199, 100, dark)
	_, shown = r.must(opts{"monitor": 2.0})
	expect(t, shown, 0, 150, orange)
	expect(t, shown, 119, 150, orange)
	expect(t, shown, 120, 150, dark)
	_, shown = r.must(opts{"x": 1190.0, "y": 90.0, "width": 220.0, "height": 20.0, "base64": true})
	expect(t, shown, 9, 10, dark)
	expect(t, shown, 10, 10, orange)
	expect(t, shown, 209, 19, orange)
	got, shown = r.must(opts{"window": float64(window), "format": "jpeg", "quality": 90.0, "scale": 0.5})
	if got["x"] != 1200.0 || got["width"] != 200.0 || shown.Bounds().Dx() != 100 || shown.Bounds().Dy() != 50 {
		t.Errorf("window: %v, %v", got, shown.Bounds())
	}
	if c := color.RGBAModel.Convert(shown.At(50, 25)).(color.RGBA); c.R < 0xd0 || c.B > 0x30 {
		t.Errorf("of the window's colour is left %v", c)
	}
	_, shown = r.must(opts{"x": -10.0, "y": 700.0, "width": 30.0, "height": 200.0}) // more than there is
	expect(t, shown, 0, 199, dark)
	r.refused(opts{"monitor": 3.0}, "not_found")
	r.refused(opts{"window": 1.0}, "not_found")
	for _, wrong := range []opts{
		{"format": "bmp"},
		{"quality": 0.0},
		{"scale": 2.0},
		{"scale": 0.0},
		{"width": 5.0},
		{"width": 0.0, "height": 5.0},
		{"width": 100000.0, "height": 100000.0},
		{"monitor": 1.0, "window": 1.0},
		{"qualty": 5.0},
	} {
		if got, err := r.capture(wrong); err == nil {
			t.Errorf("%v: %v", wrong, got)
		} else if _, ok := err.(*bindings.Misuse); !ok {
			t.Errorf("%v: %v is no misuse", wrong, err)
		}
	}
}

func TestWhatIsUnchangedComesWithoutItsBytes(t *testing.T) {
	displaytest.Start(t, "640x480")
	_, again := paint(t, image.Rect(0, 0, 640, 480), 0xe06010)
	r := openRole(t)
	region := opts{"x": 10.0, "y": 10.0, "width": 100.0, "height": 100.0, "unless": ""}
	first, _ := r.must(region)
	region["unless"] = first["hash"]
	if same, _ := r.must(region); same["unchanged"] != true || same["image"] != "" || same["hash"] != first["hash"] {
		t.Errorf("%v", same)
	}
	again(0x1040f0)
	other, shown := r.must(region)
	if other["unchanged"] != false || other["hash"] == first["hash"] {
		t.Errorf("%v", other["hash"])
	}
	expect(t, shown, 50, 50, blue)
	region["x"] = 20.0 // the same colour elsewhere is another picture
	region["unless"] = other["hash"]
	if moved, _ := r.must(region); moved["unchanged"] != false {
		t.Error("another region counts as the same picture")
	}
}

func TestWhyNothingCanBeSeen(t *testing.T) {
	server := displaytest.Start(t, "640x480")
	r := openRole(t)
	r.refused(nil, "black") // nothing was ever drawn
	paint(t, image.Rect(0, 0, 10, 10), 0xe06010)
	r.must(nil)
	server.Kill()
	if _, err := r.capture(nil); displaytest.Code(err) != "lost" && displaytest.Code(err) != "no_display" {
		t.Errorf("a server that is gone: %v", err)
	}
	r.refused(nil, "no_display")
	displaytest.Start(t, "640x480") // another number, and the environment with it
	paint(t, image.Rect(0, 0, 10, 10), 0xe06010)
	r.must(nil)

	t.Setenv("DISPLAY", "")
	openRole(t).refused(nil, "no_display")
	cookies := t.TempDir() + "/cookies"
	if err := os.WriteFile(cookies, []byte("\x01\x00\x00\x04host\x00\x01x\x00\x12MIT-MAGIC-COOKIE-1\x00\x100123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	displaytest.Start(t, "640x480", "-auth", cookies)
	t.Setenv("XAUTHORITY", t.TempDir()+"/none")
	openRole(t).refused(nil, "permission")

	role{t, displaytest.Open(t, Binding, "system")}.refused(nil, "unsupported")
}

// TestTenThousandFrames sees the memory of the heap stay where it was.
func TestAMonitorIsUnpluggedAndTheScreenResized(t *testing.T) {
	s := displaytest.Start(t, "1920x800")
	s.TwoMonitors(t)
	paint(t, image.Rect(0, 0, 1920, 800), 0x336699)
	r := openRole(t)
	sees := func(o opts, width, height int) {
		t.Helper()
		_, shown := r.must(o)
		if got := shown.Bounds().Size(); got != image.Pt(width, height) {
			t.Fatalf("%v: a picture of %v, want %d by %d", o, got, width, height)
		}
		expect(t, shown, width-1, height-1, color.RGBA{0x33, 0x66, 0x99, 255})
	}
	sees(opts{"monitor": 2.0}, 640, 600)
	s.Run(t, "xrandr", "--delmonitor", "R")
	r.refused(opts{"monitor": 2.0}, "not_found")
	sees(opts{"monitor": 1.0}, 1280, 800)
	s.Run(t, "xrandr", "--setmonitor", "R", "320/85x400/100+1280+0", "none")
	sees(opts{"monitor": 2.0}, 320, 400)
	s.Run(t, "xrandr", "--delmonitor", "R")
	s.Run(t, "xrandr", "--delmonitor", "L")
	s.Run(t, "xrandr", "--output", "screen", "--off", "--fb", "1024x768") // Xvfb has no other mode
	sees(opts{}, 1024, 768)
}

func TestTenThousandFrames(t *testing.T) {
	frames, size := 100, "320x200"
	if os.Getenv("BOREALIS_LONG") != "" {
		frames, size = 10_000, "1280x800"
	}
	displaytest.Start(t, size)
	_, again := paint(t, image.Rect(0, 0, 1280, 800), 0xe06010)
	r := openRole(t)
	var after [2]uint64
	for half := range after {
		for i := range frames / 2 {
			again(0x404040 + uint32(i))
			r.must(opts{"format": "jpeg"})
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		after[half] = m.HeapAlloc
	}
	t.Logf("heap after %d frames: %d KiB, after as many again: %d KiB", frames/2, after[0]>>10, after[1]>>10)
	if after[1] > after[0]+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", after[0], after[1])
	}
}
