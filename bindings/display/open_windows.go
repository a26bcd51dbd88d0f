package display

import (
	"fmt"
	"image"
	"image/draw"
	"path/filepath"
	"slices"
	"unsafe"

	"github.com/kbinani/screenshot"
	"golang.org/x/sys/windows"
)

// The functions of user32 that nobody wraps for us.
var (
	user32                  = windows.NewLazySystemDLL("user32.dll")
	procOpenInputDesktop    = user32.NewProc("OpenInputDesktop")
	procCloseDesktop        = user32.NewProc("CloseDesktop")
	procSendInput           = user32.NewProc("SendInput")
	procSetCursorPos        = user32.NewProc("SetCursorPos")
	procGetTopWindow        = user32.NewProc("GetTopWindow")
	procGetWindow           = user32.NewProc("GetWindow")
	procGetWindowTextW      = user32.NewProc("GetWindowTextW")
	procGetWindowRect       = user32.NewProc("GetWindowRect")
	procIsWindow            = user32.NewProc("IsWindow")
	procIsWindowVisible     = user32.NewProc("IsWindowVisible")
	procIsIconic            = user32.NewProc("IsIconic")
	procShowWindow          = user32.NewProc("ShowWindow")
	procMoveWindow          = user32.NewProc("MoveWindow")
	procSetForegroundWindow = user32.NewProc("SetForegroundWindow")
	procGetForegroundWindow = user32.NewProc("GetForegroundWindow")
	procGetDpiForSystem     = user32.NewProc("GetDpiForSystem")
	procGetWindowThreadPID  = user32.NewProc("GetWindowThreadProcessId")
	procVkKeyScanW          = user32.NewProc("VkKeyScanW")
	procSetProcessDPIAware  = user32.NewProc("SetProcessDPIAware")
)

// open looks whether this session's desktop is the one that gets input: on the lock screen another one does.
func open() (*screen, error) {
	if err := inputDesktop(); err != nil {
		return nil, err
	}
	_, _, _ = procSetProcessDPIAware.Call() // all coordinates are then pixels
	w := win{}
	return &screen{capturer: w, keyboard: w, pointer: w, desk: w, lost: func() bool { return inputDesktop() != nil }, close: func() {}}, nil
}

func inputDesktop() error {
	const readObjects = 0x0001
	h, _, err := procOpenInputDesktop.Call(0, 0, readObjects)
	if h == 0 {
		return fmt.Errorf("%w, or this process has no desktop: %w", ErrLocked, err)
	}
	_, _, _ = procCloseDesktop.Call(h)
	return nil
}

// win is the desktop of this session.
type win struct{}

func (win) monitors() (list []Monitor, err error) {
	n := screenshot.NumActiveDisplays()
	if n == 0 {
		return nil, ErrNoDisplay
	}
	scale := 1.0
	if procGetDpiForSystem.Find() == nil {
		if dpi, _, _ := procGetDpiForSystem.Call(); dpi > 0 {
			scale = float64(dpi) / 96
		}
	}
	for i := range n {
		bounds := screenshot.GetDisplayBounds(i)
		list = append(list, Monitor{Name: fmt.Sprintf("DISPLAY%d", i+1), Bounds: bounds, Scale: scale, Primary: bounds.Min == image.Point{}})
	}
	slices.SortStableFunc(list, primaryFirst)
	return list, nil
}

func (win) capture(r image.Rectangle, pixels *image.RGBA) error {
	shown, err := screenshot.CaptureRect(r)
	if err != nil {
		return fmt.Errorf("picture of %v: %w", r, err)
	}
	draw.Draw(pixels, pixels.Rect, shown, shown.Rect.Min, draw.Src)
	return nil
}

func (w win) windows() ([]Window, error) {
	var list []Window
	active, _, _ := procGetForegroundWindow.Call()
	const next, most = 2, 10000 // windows come and go meanwhile, so that the chain may turn in a circle
	h, _, _ := procGetTopWindow.Call(0)
	for range most {
		if h == 0 {
			break
		}
		visible, _, _ := procIsWindowVisible.Call(h)
		if title := titleOf(h); visible != 0 && title != "" {
			pid := pidOf(h)
			list = append(list, Window{Handle: uint64(h), Title: title, PID: pid, Process: processOf(pid), Bounds: rectOf(h), Active: h == active})
		}
		h, _, _ = procGetWindow.Call(h, next)
	}
	return list, nil
}

func titleOf(h uintptr) string {
	var text [512]uint16
	n, _, _ := procGetWindowTextW.Call(h, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	return windows.UTF16ToString(text[:n])
}

func pidOf(h uintptr) int {
	var pid uint32
	_, _, _ = procGetWindowThreadPID.Call(h, uintptr(unsafe.Pointer(&pid)))
	return int(pid)
}

func rectOf(h uintptr) image.Rectangle {
	var r [4]int32
	_, _, _ = procGetWindowRect.Call(h, uintptr(unsafe.Pointer(&r[0])))
	return image.Rect(int(r[0]), int(r[1]), int(r[2]), int(r[3]))
}

func processOf(pid int) string {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return ""
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var path [windows.MAX_LONG_PATH]uint16
	n := uint32(len(path))
	if windows.QueryFullProcessImageName(h, 0, &path[0], &n) != nil {
		return ""
	}
	return filepath.Base(windows.UTF16ToString(path[:n]))
}

func (win) activate(handle uint64) error {
	h := uintptr(handle)
	if there, _, _ := procIsWindow.Call(h); there == 0 {
		return fmt.Errorf("window %d: %w", handle, ErrNoWindow)
	}
	const restore = 9
	if iconic, _, _ := procIsIconic.Call(h); iconic != 0 {
		_, _, _ = procShowWindow.Call(h, restore)
	}
	_, _, _ = procSetForegroundWindow.Call(h)
	if now, _, _ := procGetForegroundWindow.Call(); now != h {
		return fmt.Errorf("window %d: the system does not give it the keyboard", handle)
	}
	return nil
}

func (win) place(handle uint64, to image.Rectangle) error {
	if there, _, _ := procIsWindow.Call(uintptr(handle)); there == 0 {
		return fmt.Errorf("window %d: %w", handle, ErrNoWindow)
	}
	ok, _, err := procMoveWindow.Call(uintptr(handle), uintptr(to.Min.X), uintptr(to.Min.Y), uintptr(to.Dx()), uintptr(to.Dy()), 1)
	if ok == 0 {
		return fmt.Errorf("window %d: %w", handle, err)
	}
	return nil
}
