package display

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"strings"
	"time"

	"github.com/jezek/xgb/xproto"
)

// windows lists what the window manager calls a program's window; where there is none, what lies on the root.
func (x *x11) windows() ([]Window, error) {
	handles, err := x.numbers(x.root, "_NET_CLIENT_LIST")
	if err != nil {
		return nil, err
	}
	if len(handles) == 0 && !x.managed() {
		handles = x.children()
	}
	active := x.active()
	var list []Window
	for _, h := range handles {
		if w, ok := x.window(xproto.Window(h)); ok {
			w.Active = uint64(active) == w.Handle
			list = append(list, w)
		}
	}
	return list, nil
}

func (x *x11) children() (list []uint32) {
	tree, err := answer(xproto.QueryTree(x.conn, x.root).Reply())
	if err != nil {
		return nil
	}
	for _, w := range tree.Children {
		if a, err := answer(xproto.GetWindowAttributes(x.conn, w).Reply()); err == nil && a.MapState == xproto.MapStateViewable {
			list = append(list, uint32(w))
		}
	}
	return list
}

// active is the window that has the keyboard.
func (x *x11) active() xproto.Window {
	if list, err := x.numbers(x.root, "_NET_ACTIVE_WINDOW"); err == nil && len(list) > 0 && list[0] != 0 {
		return xproto.Window(list[0])
	}
	if f, err := answer(xproto.GetInputFocus(x.conn).Reply()); err == nil {
		return f.Focus
	}
	return 0
}

// window is what is known of a window; one without a title, or that is gone meanwhile, is none.
func (x *x11) window(w xproto.Window) (Window, bool) {
	title, err := x.property(w, "_NET_WM_NAME")
	if err == nil && len(title) == 0 {
		title, err = x.property(w, "WM_NAME")
	}
	bounds, there := x.bounds(w)
	if err != nil || !there || len(title) == 0 {
		return Window{}, false
	}
	found := Window{Handle: uint64(w), Title: strings.ToValidUTF8(string(bytes.TrimRight(title, "\x00")), "\uFFFD"), Bounds: bounds}
	if pid, err := x.numbers(w, "_NET_WM_PID"); err == nil && len(pid) > 0 {
		found.PID = int(pid[0])
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", found.PID))
		found.Process = strings.TrimSpace(string(name))
	}
	return found, true
}

func (x *x11) bounds(w xproto.Window) (image.Rectangle, bool) {
	g, err := answer(xproto.GetGeometry(x.conn, xproto.Drawable(w)).Reply())
	if err != nil {
		return image.Rectangle{}, false
	}
	at, err := answer(xproto.TranslateCoordinates(x.conn, w, x.root, 0, 0).Reply())
	if err != nil {
		return image.Rectangle{}, false
	}
	return image.Rect(0, 0, int(g.Width), int(g.Height)).Add(image.Pt(int(at.DstX), int(at.DstY))), true
}

// managed says whether a window manager runs that understands requests.
func (x *x11) managed() bool {
	list, err := x.numbers(x.root, "_NET_SUPPORTING_WM_CHECK")
	return err == nil && len(list) > 0
}

// activateTime is how long a window manager may take to give a window the keyboard.
const activateTime = 2 * time.Second

func (x *x11) activate(handle uint64) error {
	w := xproto.Window(handle)
	if _, there := x.bounds(w); !there || handle == 0 {
		return fmt.Errorf("window %d: %w", handle, ErrNoWindow)
	}
	if !x.managed() {
		_ = xproto.ConfigureWindowChecked(x.conn, w, xproto.ConfigWindowStackMode, []uint32{xproto.StackModeAbove}).Check()
		return xproto.SetInputFocusChecked(x.conn, xproto.InputFocusParent, w, xproto.TimeCurrentTime).Check()
	}
	const pager = 2 // who asks: a tool of the user's
	if err := x.request(w, "_NET_ACTIVE_WINDOW", pager, uint32(xproto.TimeCurrentTime), 0); err != nil {
		return err
	}
	for end := time.Now().Add(activateTime); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if x.active() == w {
			return nil
		}
	}
	return fmt.Errorf("window %d: the window manager does not give it the keyboard", handle)
}

// request asks the window manager for something.
func (x *x11) request(w xproto.Window, what string, data ...uint32) error {
	atom, err := x.atom(what)
	if err != nil {
		return err
	}
	data = append(data, make([]uint32, 5-len(data))...)
	ev := xproto.ClientMessageEvent{Format: 32, Window: w, Type: atom, Data: xproto.ClientMessageDataUnionData32New(data)}
	mask := uint32(xproto.EventMaskSubstructureNotify | xproto.EventMaskSubstructureRedirect)
	return xproto.SendEventChecked(x.conn, false, x.root, mask, string(ev.Bytes())).Check()
}

func (x *x11) place(handle uint64, to image.Rectangle) error {
	if _, there := x.bounds(xproto.Window(handle)); !there || handle == 0 {
		return fmt.Errorf("window %d: %w", handle, ErrNoWindow)
	}
	mask := uint16(xproto.ConfigWindowX | xproto.ConfigWindowY | xproto.ConfigWindowWidth | xproto.ConfigWindowHeight)
	return xproto.ConfigureWindowChecked(x.conn, xproto.Window(handle), mask,
		[]uint32{uint32(int32(to.Min.X)), uint32(int32(to.Min.Y)), uint32(to.Dx()), uint32(to.Dy())}).Check()
}
