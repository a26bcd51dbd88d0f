package display

import (
	"errors"
	"fmt"
	"image"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// The kinds and flags of SendInput (winuser.h).
const (
	inputMouse, inputKeyboard = 0, 1
	keyExtended, keyUp        = 0x0001, 0x0002
	keyUnicode                = 0x0004
	mouseWheel, mouseHWheel   = 0x0800, 0x1000
	wheelDelta                = 120 // one notch
)

// input is the structure INPUT on 64-bit Windows: a kind, four bytes of room, then one of two forms in 32 bytes.
type input struct {
	kind uint32
	_    uint32
	body [32]byte
}

type keyInput struct {
	vk, scan    uint16
	flags, time uint32
	extra       uintptr
}

type mouseInput struct {
	x, y, data  int32
	flags, time uint32
	extra       uintptr
}

func ofKey(vk, scan uint16, flags uint32) (in input) {
	in.kind = inputKeyboard
	*(*keyInput)(unsafe.Pointer(&in.body)) = keyInput{vk: vk, scan: scan, flags: flags}
	return in
}

func ofMouse(data int32, flags uint32) (in input) {
	in.kind = inputMouse
	*(*mouseInput)(unsafe.Pointer(&in.body)) = mouseInput{data: data, flags: flags}
	return in
}

// send hands events to the system in one piece, so that nothing of the user's comes in between.
func send(all ...input) error {
	if len(all) == 0 {
		return nil
	}
	n, _, err := procSendInput.Call(uintptr(len(all)), uintptr(unsafe.Pointer(&all[0])), unsafe.Sizeof(all[0]))
	if int(n) != len(all) {
		return fmt.Errorf("%w: only %d of %d events were taken: %w", ErrPermission, n, len(all), err)
	}
	return nil
}

// text types characters, not keys: no layout matters.
func (win) text(text string) error {
	var all []input
	for _, r := range text {
		if r == '\n' || r == '\r' {
			vk := uint16(keys()["enter"].vk)
			all = append(all, ofKey(vk, 0, 0), ofKey(vk, 0, keyUp))
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			all = append(all, ofKey(0, unit, keyUnicode), ofKey(0, unit, keyUnicode|keyUp))
		}
	}
	return send(all...)
}

func (w win) stroke(s Stroke) error {
	vk, shift, err := virtualKey(s.Key)
	if err != nil {
		return err
	}
	mods := s.Mods
	if shift {
		mods = append([]string{"shift"}, mods...)
	}
	var before, after []input
	for _, m := range mods {
		k := uint16(keys()[m].vk)
		before, after = append(before, ofKey(k, 0, 0)), append([]input{ofKey(k, 0, keyUp)}, after...)
	}
	flags := extended(vk)
	switch s.Change {
	case Down:
		return send(ofKey(vk, 0, flags))
	case Up:
		return send(ofKey(vk, 0, flags|keyUp))
	}
	return send(append(append(before, ofKey(vk, 0, flags), ofKey(vk, 0, flags|keyUp)), after...)...)
}

// extended keys lie beside the numeric pad and bear the same numbers as keys on it.
func extended(vk uint16) uint32 {
	switch {
	case vk >= 0x21 && vk <= 0x28, vk == 0x2d, vk == 0x2e, vk == 0x5b, vk == 0x5c, vk == 0x5d, vk == 0xa3, vk == 0xa5:
		return keyExtended
	}
	return 0
}

// virtualKey is the key of a name or a character, and whether it bears that with Shift only.
func virtualKey(name string) (vk uint16, shift bool, err error) {
	if k, ok := keys()[name]; ok {
		return uint16(k.vk), false, nil
	}
	r, _ := utf8.DecodeRuneInString(name)
	found, _, _ := procVkKeyScanW.Call(uintptr(r))
	if uint16(found) == 0xffff || r > 0xffff {
		return 0, false, fmt.Errorf("key %q: %w on this keyboard", name, ErrNoKey)
	}
	return uint16(found) & 0xff, found&0x100 != 0, nil
}

func (win) move(to image.Point) error {
	if ok, _, err := procSetCursorPos.Call(uintptr(to.X), uintptr(to.Y)); ok == 0 {
		return fmt.Errorf("mouse to %v: %w", to, err)
	}
	return nil
}

// button presses one: the flags are those of the left, the middle and the right button.
func (w win) button(number int, c Change) error {
	flags, ok := map[int][2]uint32{1: {0x0002, 0x0004}, 2: {0x0020, 0x0040}, 3: {0x0008, 0x0010}}[number]
	switch {
	case !ok:
		return fmt.Errorf("button %d: %w", number, ErrNoKey)
	case c == Tap:
		return errors.Join(w.button(number, Down), w.button(number, Up))
	case c == Down:
		return send(ofMouse(0, flags[0]))
	}
	return send(ofMouse(0, flags[1]))
}

func (win) wheel(x, y int) error {
	var all []input
	if y != 0 {
		all = append(all, ofMouse(int32(-y*wheelDelta), mouseWheel))
	}
	if x != 0 {
		all = append(all, ofMouse(int32(x*wheelDelta), mouseHWheel))
	}
	return send(all...)
}
