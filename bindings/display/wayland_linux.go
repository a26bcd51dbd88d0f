package display

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// wayland is a compositor that lets tools in: grim shows what is on its outputs, wtype types. Those two protocols
// (wlr-screencopy, virtual-keyboard) are wlroots'; where a compositor has them not, they say so.
type wayland struct{ socket string }

// openWayland finds the compositor. Nothing is kept open.
func openWayland() (*screen, error) {
	socket := os.Getenv("WAYLAND_DISPLAY")
	if !filepath.IsAbs(socket) {
		socket = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), socket)
	}
	if _, err := os.Stat(socket); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDisplay, err)
	}
	w := &wayland{socket}
	s := &screen{lost: func() bool { _, err := os.Stat(w.socket); return err != nil }, close: func() {}}
	if _, err := exec.LookPath("grim"); err == nil {
		s.capturer = w
	}
	if _, err := exec.LookPath("wtype"); err == nil {
		s.keyboard = w
	}
	if s.capturer == nil && s.keyboard == nil {
		return nil, fmt.Errorf("%w: a Wayland session, and neither grim nor wtype is installed", ErrUnsupported)
	}
	return s, nil
}

// tool runs a program of the session's on an input and gives what it wrote.
func tool(input string, name string, args ...string) ([]byte, error) {
	var out, complaint bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w: %.200s", ErrUnsupported, name, err, strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}

// monitors asks whichever tool knows the outputs; without one, the whole picture is the one monitor.
func (w *wayland) monitors() ([]Monitor, error) {
	for _, ask := range [][]string{{"swaymsg", "-r", "-t", "get_outputs"}, {"wlr-randr", "--json"}} {
		if _, err := exec.LookPath(ask[0]); err != nil {
			continue
		}
		text, err := tool("", ask[0], ask[1:]...)
		if err != nil {
			continue
		}
		if list, err := outputs(text); err == nil && len(list) > 0 {
			return list, nil
		}
	}
	whole, err := w.picture()
	if err != nil {
		return nil, err
	}
	return []Monitor{{Name: "screen", Bounds: whole.Bounds(), Scale: 1, Primary: true}}, nil
}

// outputs reads what swaymsg and wlr-randr say of outputs.
func outputs(text []byte) ([]Monitor, error) {
	var all []struct {
		Name     string
		Active   *bool // sway
		Enabled  *bool // wlr-randr
		Focused  bool
		Scale    float64
		Rect     struct{ X, Y, Width, Height int }
		Position struct{ X, Y int }
		Modes    []struct {
			Width, Height int
			Current       bool
		}
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	var list []Monitor
	for _, o := range all {
		if o.Active != nil && !*o.Active || o.Enabled != nil && !*o.Enabled {
			continue
		}
		bounds := image.Rect(0, 0, o.Rect.Width, o.Rect.Height).Add(image.Pt(o.Rect.X, o.Rect.Y))
		for _, m := range o.Modes {
			if bounds.Empty() && m.Current {
				bounds = image.Rect(0, 0, m.Width, m.Height).Add(image.Pt(o.Position.X, o.Position.Y))
			}
		}
		list = append(list, Monitor{Name: o.Name, Bounds: bounds, Scale: max(o.Scale, 1), Primary: o.Focused})
	}
	slices.SortStableFunc(list, primaryFirst)
	return list, nil
}

func (w *wayland) picture(args ...string) (image.Image, error) {
	text, err := tool("", "grim", append(args, "-t", "png", "-l", "1", "-")...)
	if err != nil {
		return nil, err
	}
	return png.Decode(bytes.NewReader(text))
}

func (w *wayland) capture(r image.Rectangle, pixels *image.RGBA) error {
	shown, err := w.picture("-s", "1", "-g", fmt.Sprintf("%d,%d %dx%d", r.Min.X, r.Min.Y, r.Dx(), r.Dy()))
	if err != nil {
		return err
	}
	draw.Draw(pixels, pixels.Rect, shown, shown.Bounds().Min, draw.Src)
	return nil
}

func (w *wayland) text(text string) error { return typing(text, "-") }

// typing has wtype type: its keyboard is there for this one time, and programs need a while to see it come, and to look
// up with it what was typed last before it goes.
func typing(input string, args ...string) error {
	wait := []string{"-s", strconv.FormatInt(settle.Milliseconds(), 10)}
	_, err := tool(input, "wtype", slices.Concat(wait, args, wait)...)
	return err
}

func (w *wayland) stroke(s Stroke) error {
	if s.Change != Tap {
		return fmt.Errorf("%w: a key that stays down, on Wayland", ErrUnsupported)
	}
	if slices.Equal(s.Mods, []string{"shift"}) && utf8.RuneCountInString(s.Key) == 1 {
		return typing(strings.ToUpper(s.Key), "-") // the keys of wtype's keyboard have no second level
	}
	var before, after []string
	for _, m := range s.Mods {
		if m == "super" {
			m = "logo"
		}
		before, after = append(before, "-M", m), append(after, "-m", m)
	}
	name, err := symName(s.Key)
	if err != nil {
		return err
	}
	return typing("", slices.Concat(before, []string{"-k", name}, after)...)
}

// symName is X11's name of a key (xkbcommon-keysyms.h), which wtype wants.
func symName(name string) (string, error) {
	special := map[string]string{
		"enter": "Return", "tab": "Tab", "space": "space", "backspace": "BackSpace", "escape": "Escape", "delete": "Delete", "insert": "Insert",
		"home": "Home", "end": "End", "pgup": "Prior", "pgdn": "Next", "left": "Left", "up": "Up", "right": "Right", "down": "Down",
		"printscreen": "Print", "pause": "Pause", "appskey": "Menu",
	}
	switch {
	case special[name] != "":
		return special[name], nil
	case len(name) > 1 && name[0] == 'f' && name[1] <= '9':
		return strings.ToUpper(name), nil
	case len([]rune(name)) == 1:
		return fmt.Sprintf("U%04X", []rune(name)[0]), nil
	}
	return "", errors.Join(fmt.Errorf("key %q, on Wayland", name), ErrNoKey)
}
