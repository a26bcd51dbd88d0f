package display

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// open opens what the session has: Wayland, which an X server of its own only imitates, else X11.
func open() (*screen, error) {
	if os.Getenv("WAYLAND_DISPLAY") != "" {
		return openWayland()
	}
	display := os.Getenv("DISPLAY")
	if display == "" {
		return nil, fmt.Errorf("%w: neither DISPLAY nor WAYLAND_DISPLAY is set", ErrNoDisplay)
	}
	x, err := dialX(display)
	if err != nil {
		return nil, err
	}
	s := &screen{capturer: x, desk: x, lost: x.gone, close: x.close}
	if xtest.Init(x.conn) == nil {
		keys := &xKeyboard{x: x}
		s.keyboard, s.pointer = keys, keys
	}
	return s, nil
}

// x11 is a connection to an X server.
type x11 struct {
	conn  *xgb.Conn
	root  xproto.Window
	setup *xproto.ScreenInfo
	info  *xproto.SetupInfo
	randr bool

	mu    sync.Mutex
	atoms map[string]xproto.Atom
	ended chan struct{} // closed when the connection is gone
}

// quiet keeps xgb, whose log all connections share, from writing to stderr what comes back as errors too.
var quiet = sync.OnceFunc(func() { xgb.Logger = log.New(io.Discard, "", 0) })

func dialX(display string) (*x11, error) {
	quiet()
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		if text := err.Error(); strings.Contains(text, "authentication") || strings.Contains(text, "uthorization") {
			return nil, fmt.Errorf("%w: %q: %w", ErrPermission, display, err)
		}
		return nil, fmt.Errorf("%w: %q: %w", ErrNoDisplay, display, err)
	}
	info := xproto.Setup(conn)
	setup := info.DefaultScreen(conn)
	x := &x11{conn: conn, root: setup.Root, setup: setup, info: info, atoms: map[string]xproto.Atom{}, ended: make(chan struct{})}
	x.randr = randr.Init(conn) == nil
	go x.drain()
	return x, nil
}

// drain reads what nobody asked for, until the connection ends.
func (x *x11) drain() {
	defer close(x.ended)
	for {
		ev, err := x.conn.WaitForEvent()
		if ev == nil && err == nil {
			return
		}
	}
}

func (x *x11) gone() bool {
	select {
	case <-x.ended:
		return true
	default:
		return false
	}
}

func (x *x11) close() {
	x.conn.Close()
	<-x.ended
}

func (x *x11) atom(name string) (xproto.Atom, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if a, ok := x.atoms[name]; ok {
		return a, nil
	}
	r, err := answer(xproto.InternAtom(x.conn, false, uint16(len(name)), name).Reply())
	if err != nil {
		return 0, err
	}
	x.atoms[name] = r.Atom
	return r.Atom, nil
}

// errNoReply is what remains of a request when the server ends.
var errNoReply = errors.New("the X server does not answer")

// answer makes an error of an answer that never came.
func answer[R any](r *R, err error) (*R, error) {
	if r == nil && err == nil {
		err = errNoReply
	}
	return r, err
}

// property reads a property of a window; nil when there is none. Of long ones it reads the first megabyte.
func (x *x11) property(w xproto.Window, name string) ([]byte, error) {
	atom, err := x.atom(name)
	if err != nil {
		return nil, err
	}
	r, err := answer(xproto.GetProperty(x.conn, false, w, atom, xproto.GetPropertyTypeAny, 0, 1<<18).Reply())
	if err != nil {
		return nil, err
	}
	return r.Value, nil
}

// numbers reads a property of 32-bit numbers.
func (x *x11) numbers(w xproto.Window, name string) ([]uint32, error) {
	b, err := x.property(w, name)
	var list []uint32
	for ; len(b) >= 4; b = b[4:] {
		list = append(list, xgb.Get32(b))
	}
	return list, err
}
