package display

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// key is what a named key is to the systems: an X11 keysym and a Windows virtual key. Both are their vendors' tables:
// X11/keysymdef.h and winuser.h.
type key struct{ sym, vk uint32 }

// keys are the keys that have a name, in lower case, as AutoHotkey calls them.
var keys = sync.OnceValue(func() map[string]key {
	all := map[string]key{
		"enter": {0xff0d, 0x0d}, "tab": {0xff09, 0x09}, "space": {0x20, 0x20}, "backspace": {0xff08, 0x08}, "escape": {0xff1b, 0x1b},
		"delete": {0xffff, 0x2e}, "insert": {0xff63, 0x2d}, "home": {0xff50, 0x24}, "end": {0xff57, 0x23},
		"pgup": {0xff55, 0x21}, "pgdn": {0xff56, 0x22}, "left": {0xff51, 0x25}, "up": {0xff52, 0x26}, "right": {0xff53, 0x27}, "down": {0xff54, 0x28},
		"printscreen": {0xff61, 0x2c}, "pause": {0xff13, 0x13}, "appskey": {0xff67, 0x5d},
		"capslock": {0xffe5, 0x14}, "numlock": {0xff7f, 0x90}, "scrolllock": {0xff14, 0x91},
		"shift": {0xffe1, 0x10}, "ctrl": {0xffe3, 0x11}, "alt": {0xffe9, 0x12}, "super": {0xffeb, 0x5b},
		"lshift": {0xffe1, 0xa0}, "rshift": {0xffe2, 0xa1}, "lctrl": {0xffe3, 0xa2}, "rctrl": {0xffe4, 0xa3},
		"lalt": {0xffe9, 0xa4}, "ralt": {0xffea, 0xa5}, "lwin": {0xffeb, 0x5b}, "rwin": {0xffec, 0x5c},
		"numpadenter": {0xff8d, 0x0d}, "numpadadd": {0xffab, 0x6b}, "numpadsub": {0xffad, 0x6d}, "numpadmult": {0xffaa, 0x6a},
		"numpaddiv": {0xffaf, 0x6f}, "numpaddot": {0xffae, 0x6e},
		"volume_up": {0x1008ff13, 0xaf}, "volume_down": {0x1008ff11, 0xae}, "volume_mute": {0x1008ff12, 0xad},
	}
	for n := uint32(1); n <= 24; n++ {
		all[fmt.Sprintf("f%d", n)] = key{0xffbd + n, 0x6f + n}
	}
	for n := uint32(0); n <= 9; n++ {
		all[fmt.Sprintf("numpad%d", n)] = key{0xffb0 + n, 0x60 + n}
	}
	return all
})

// aliases are other names for keys.
func aliases() map[string]string {
	return map[string]string{
		"return": "enter", "esc": "escape", "bs": "backspace", "del": "delete", "ins": "insert", "pageup": "pgup", "pagedown": "pgdn",
		"control": "ctrl", "win": "super", "meta": "super", "cmd": "super", "menu": "appskey", "print": "printscreen",
	}
}

// KeyName is the one name of a key that may be called otherwise too, or a single character as it is; "" is no key.
func KeyName(name string) string {
	if utf8.RuneCountInString(name) == 1 {
		return name
	}
	name = strings.ToLower(name)
	if other, ok := aliases()[name]; ok {
		name = other
	}
	if _, ok := keys()[name]; !ok {
		return ""
	}
	return name
}

// KeyNames lists the keys that have a name.
func KeyNames() []string {
	var names []string
	for name := range keys() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
