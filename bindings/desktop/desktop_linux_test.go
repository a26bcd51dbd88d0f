package desktop

import (
	"context"
	"errors"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/display/displaytest"
)

func openRole(t *testing.T, where string) func(f string, args ...any) (any, error) {
	call := displaytest.Open(t, Binding, where)
	return func(f string, args ...any) (any, error) { return call(context.Background(), f, args...) }
}

type opts = map[string]any

func TestWindowsAreListedActivatedAndPlaced(t *testing.T) {
	s := displaytest.Start(t, "1280x800")
	s.Manage(t)
	s.Show(t, "xterm", "-T", "First", "-geometry", "40x10+0+0")
	s.Show(t, "xterm", "-T", "second", "-geometry", "40x10+500+300")
	call := openRole(t, "interactive")
	windows := func(o opts) (list []map[string]any) {
		got, err := call("windows", o)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range got.([]any) {
			list = append(list, w.(map[string]any))
		}
		return list
	}
	displaytest.Until(t, "both windows", func() bool { return len(windows(opts{"process": "XTERM"})) == 2 })
	first, second := windows(opts{"title": "fIRST"}), windows(opts{"title": "SECOND"})
	if len(first) != 1 || len(second) != 1 || first[0]["title"] != "First" || first[0]["pid"].(float64) < 2 || first[0]["process"] != "xterm" {
		t.Fatalf("%v, %v", first, second)
	}
	for _, w := range []map[string]any{first[0], second[0], first[0]} {
		if _, err := call("activate", w["handle"]); err != nil {
			t.Fatal(err)
		}
		if now := windows(opts{"title": w["title"]}); now[0]["active"] != true {
			t.Errorf("%v has not the keyboard", now)
		}
	}
	if _, err := call("place", second[0]["handle"], opts{"x": 700.0, "y": 50.0, "width": 400.0, "height": 300.0}); err != nil {
		t.Fatal(err)
	}
	displaytest.Until(t, "the window to move", func() bool {
		w := windows(opts{"title": "second"})[0]
		// xterm has whole characters only, and the frame is the window manager's.
		return w["x"].(float64) >= 690 && w["y"].(float64) < 100 && w["width"].(float64) > 350
	})
	if _, err := call("activate", 5.0); displaytest.Code(err) != "not_found" {
		t.Errorf("%v", err)
	}
	if _, err := call("place", 5.0, opts{"x": 0.0, "y": 0.0, "width": 10.0, "height": 10.0}); displaytest.Code(err) != "not_found" {
		t.Errorf("%v", err)
	}
	if colour, err := call("pixel", 1279.0, 799.0); err != nil || len(colour.(string)) != 7 {
		t.Errorf("%v, %v", colour, err)
	}
	if _, err := call("pixel", 1280.0, 0.0); displaytest.Code(err) != "not_found" {
		t.Errorf("%v", err)
	}
	var misuse *bindings.Misuse
	if _, err := call("place", 5.0, opts{"x": 0.0, "y": 0.0, "width": 0.0, "height": 10.0}); !errors.As(err, &misuse) {
		t.Errorf("%v", err)
	}
	if _, err := openRole(t, "system")("windows"); displaytest.Code(err) != "unsupported" {
		t.Errorf("%v", err)
	}
}
