package display

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// settle is how long programs may take to follow a change of the keyboard's mapping. linger is how long a key that was lent
// keeps what it bears after it was pressed: a program that is behind looks it up only when it comes to it.
const (
	settle = 60 * time.Millisecond
	linger = 400 * time.Millisecond
	relend = 1500 * time.Millisecond // the same, for a key that then bears another character
)

// Keysyms of modifiers, and the one that stands for nothing (X11/keysymdef.h).
const (
	noSymbol = 0
	symShift = 0xffe1
	symLevel = 0xfe03 // ISO_Level3_Shift, which keyboards call AltGr
)

// xKeyboard types through the extension XTEST, as if the keys were pressed. A character that no key of the layout bears
// gets a key that bears nothing else, for as long as that takes.
type xKeyboard struct{ x *x11 }

// layout is the keyboard's mapping at one moment.
type layout struct {
	first xproto.Keycode
	per   int
	syms  []xproto.Keysym
	group int  // which of the user's layouts counts
	caps  bool // Caps Lock is on
}

func (k *xKeyboard) layout() (l layout, err error) {
	l.first = k.x.info.MinKeycode
	m, err := answer(xproto.GetKeyboardMapping(k.x.conn, l.first, byte(k.x.info.MaxKeycode-l.first+1)).Reply())
	if err != nil {
		return l, err
	}
	p, err := answer(xproto.QueryPointer(k.x.conn, k.x.root).Reply())
	if err != nil {
		return l, err
	}
	l.per, l.syms = int(m.KeysymsPerKeycode), m.Keysyms
	l.group, l.caps = int(p.Mask>>13)&3, p.Mask&xproto.ModMaskLock != 0
	return l, nil
}

// press is a key and what is held meanwhile so that it bears a keysym.
type press struct {
	code         xproto.Keycode
	shift, level bool
}

// find looks for a key that bears a keysym in the layout that counts. The server lists two levels of two layouts, then
// the third and fourth level of the first.
func (l layout) find(sym xproto.Keysym) (press, bool) {
	columns := []struct {
		at           int
		shift, level bool
	}{{0, false, false}, {1, true, false}, {4, false, true}, {5, true, true}}
	if l.group == 1 {
		columns = columns[:2]
		columns[0].at, columns[1].at = 2, 3
	}
	for _, c := range columns {
		for i := c.at; c.at < l.per && i < len(l.syms); i += l.per {
			if l.syms[i] == sym {
				return press{l.first + xproto.Keycode((i-c.at)/l.per), c.shift, c.level}, true
			}
		}
	}
	return press{}, false
}

// spare lists keys that bear nothing.
func (l layout) spare() (codes []xproto.Keycode) {
	for i := 0; i+l.per <= len(l.syms); i += l.per {
		empty := true
		for _, s := range l.syms[i : i+l.per] {
			empty = empty && s == noSymbol
		}
		if empty {
			codes = append(codes, l.first+xproto.Keycode(i/l.per))
		}
	}
	return codes
}

// symOf is the keysym of a character: Latin-1 and the control characters that are keys have their own.
func symOf(r rune) xproto.Keysym {
	switch {
	case r == '\n' || r == '\r':
		return 0xff0d
	case r == '\t':
		return 0xff09
	case r == '\b':
		return 0xff08
	case r >= 0x20 && r <= 0x7e, r >= 0xa0 && r <= 0xff:
		return xproto.Keysym(r)
	}
	return xproto.Keysym(0x1000000 + r)
}

// text types a text in runs of characters for which there are keys, and lends keys for the others in between.
func (k *xKeyboard) text(text string) error {
	l, err := k.layout()
	if err != nil {
		return err
	}
	if l.caps {
		caps := Stroke{Key: "capslock"}
		if err := k.stroke(caps); err != nil {
			return err
		}
		defer func() { _ = k.stroke(caps) }()
	}
	return k.lend(l, text)
}

// lend types a text, lending the spare keys to as many of its characters at a time as there are.
func (k *xKeyboard) lend(l layout, text string) (err error) {
	spare := l.spare()
	if len(spare) > 1 {
		spare = spare[:len(spare)-1] // some programs take the last one for themselves
	}
	lent := map[xproto.Keysym]xproto.Keycode{}
	defer func() {
		if len(lent) > 0 {
			time.Sleep(linger)
		}
		for _, code := range lent {
			err = errors.Join(err, k.bear(code, l.per, noSymbol))
		}
	}()
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		sym := symOf(r)
		p, ok := l.find(sym)
		if code, there := lent[sym]; there {
			p, ok = press{code: code}, true
		}
		if !ok {
			if err := k.borrow(l, spare, lent, text); err != nil {
				return err
			}
			continue
		}
		if err := k.hold(l, p); err != nil {
			return err
		}
		text = text[size:]
	}
	return nil
}

// borrow lends the spare keys to the next characters of a text that have none.
func (k *xKeyboard) borrow(l layout, spare []xproto.Keycode, lent map[xproto.Keysym]xproto.Keycode, text string) error {
	if len(spare) == 0 {
		return fmt.Errorf("%q: %w, nor one that could bear it", text[:min(len(text), utf8.UTFMax)], ErrNoKey)
	}
	if len(lent) > 0 {
		time.Sleep(relend)
	}
	clear(lent)
	for _, r := range text {
		sym := symOf(r)
		if _, there := l.find(sym); there || lent[sym] != 0 {
			continue
		}
		if len(lent) == len(spare) {
			break
		}
		code := spare[len(lent)]
		if err := k.bear(code, l.per, sym); err != nil {
			return err
		}
		lent[sym] = code
	}
	time.Sleep(settle)
	return nil
}

// bear lets a key bear a keysym on all its levels.
func (k *xKeyboard) bear(code xproto.Keycode, per int, sym xproto.Keysym) error {
	syms := make([]xproto.Keysym, per)
	for i := range min(per, 4) { // two levels of two layouts
		syms[i] = sym
	}
	return xproto.ChangeKeyboardMappingChecked(k.x.conn, 1, code, byte(per), syms).Check()
}

// named is the key of a keysym by itself, in the layout that counts or else in the first one, which shortcuts are often made for.
func (l layout) named(sym xproto.Keysym) (press, error) {
	p, ok := l.find(sym)
	if l.group == 1 && !ok {
		l.group = 0
		p, ok = l.find(sym)
	}
	if !ok {
		return press{}, fmt.Errorf("keysym %#x: %w on this keyboard", sym, ErrNoKey)
	}
	return p, nil
}

// hold presses a key while others are held.
func (k *xKeyboard) hold(l layout, p press, held ...xproto.Keycode) error {
	for _, m := range []struct {
		on  bool
		sym xproto.Keysym
	}{{p.shift, symShift}, {p.level, symLevel}} {
		if !m.on {
			continue
		}
		mod, err := l.named(m.sym)
		if err != nil {
			return err
		}
		held = append(held, mod.code)
	}
	for i, code := range held {
		defer func() { _ = k.event(xproto.KeyRelease, byte(held[i])) }()
		if err := k.event(xproto.KeyPress, byte(code)); err != nil {
			return err
		}
	}
	err := k.event(xproto.KeyPress, byte(p.code))
	return errors.Join(err, k.event(xproto.KeyRelease, byte(p.code)))
}

func (k *xKeyboard) event(what, detail byte) error {
	return xtest.FakeInputChecked(k.x.conn, what, detail, 0, k.x.root, 0, 0, 0).Check()
}

func (k *xKeyboard) stroke(s Stroke) error {
	l, err := k.layout()
	if err != nil {
		return err
	}
	var held []xproto.Keycode
	for _, m := range s.Mods {
		mod, err := l.named(symNamed(m))
		if err != nil {
			return fmt.Errorf("modifier %q: %w", m, err)
		}
		held = append(held, mod.code)
	}
	p, err := l.named(symNamed(s.Key))
	if err != nil {
		return fmt.Errorf("key %q: %w", s.Key, err)
	}
	switch s.Change {
	case Down:
		return k.event(xproto.KeyPress, byte(p.code))
	case Up:
		return k.event(xproto.KeyRelease, byte(p.code))
	}
	return k.hold(l, p, held...)
}

// symNamed is the keysym of a key's name or of a character.
func symNamed(name string) xproto.Keysym {
	if key, ok := keys()[name]; ok {
		return xproto.Keysym(key.sym)
	}
	r, _ := utf8.DecodeRuneInString(name)
	return symOf(r)
}
