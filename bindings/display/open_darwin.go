package display

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
)

// open uses the system's own program for pictures, which has the permission to record the screen or is refused it.
func open() (*screen, error) {
	return &screen{capturer: mac{}, lost: func() bool { return false }, close: func() {}}, nil
}

type mac struct{}

// monitors knows the desktop as one picture only: what lies where on it takes the system's own libraries to ask.
func (m mac) monitors() ([]Monitor, error) {
	whole, err := m.picture()
	if err != nil {
		return nil, err
	}
	return []Monitor{{Name: "main", Bounds: whole.Bounds(), Scale: 1, Primary: true}}, nil
}

// picture has screencapture write a file, since it writes nowhere else.
func (mac) picture(args ...string) (image.Image, error) {
	dir, err := os.MkdirTemp("", "borealis-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "screen.png")
	if out, err := exec.Command("/usr/sbin/screencapture", append(args, "-x", "-t", "png", path)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: screencapture: %w: %.200s", ErrPermission, err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPermission, err)
	}
	return png.Decode(bytes.NewReader(text))
}

func (m mac) capture(r image.Rectangle, pixels *image.RGBA) error {
	shown, err := m.picture("-R", fmt.Sprintf("%d,%d,%d,%d", r.Min.X, r.Min.Y, r.Dx(), r.Dy()))
	if err == nil {
		draw.Draw(pixels, pixels.Rect, shown, shown.Bounds().Min, draw.Src)
	}
	return err
}
