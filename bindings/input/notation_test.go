package input

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings/display"
)

// told is a list of actions in words.
func told(list []action) string {
	var all []string
	for _, a := range list {
		if a.text != "" {
			all = append(all, fmt.Sprintf("%q", a.text))
			continue
		}
		change := map[display.Change]string{display.Tap: "", display.Down: " down", display.Up: " up"}[a.stroke.Change]
		times := ""
		if a.times != 1 {
			times = fmt.Sprintf(" x%d", a.times)
		}
		all = append(all, strings.Join(append(a.stroke.Mods, a.stroke.Key), "+")+change+times)
	}
	return strings.Join(all, ", ")
}

func TestNotation(t *testing.T) {
	for notation, want := range map[string]string{
		"":                         "",
		"abc":                      `"abc"`,
		"żółw 🦊":                   `"żółw 🦊"`,
		"{F5}":                     "f5",
		"^c":                       "ctrl+c",
		"+{Tab}":                   "shift+tab",
		"^!{Delete}":               "ctrl+alt+delete",
		"^^c":                      "ctrl+c",
		"#r":                       "super+r",
		"a{Enter}b":                `"a", enter, "b"`,
		"{Return}{Esc}{BS}{Del}":   "enter, escape, backspace, delete",
		"{PgUp 3}":                 "pgup x3",
		"{a 4}":                    "a x4",
		"{Shift down}ab{Shift up}": `shift down, "ab", shift up`,
		"{{}{}}{!}{#}{+}{^}":       `"{}!#+^"`,
		"1{}}2":                    `"1}2"`,
		"{U+20AC}{u+1F98A}":        `"€🦊"`,
		"x{Text}^c{F5}}":           `"x", "^c{F5}}"`,
		"{Raw}":                    "",
		"{Blind}a":                 `"a"`,
		"^{+}":                     "ctrl++",
		"^a{Space}b":               `ctrl+a, space, "b"`,
		"{numpad7}{volume_up}":     "numpad7, volume_up",
	} {
		got, err := parse(notation)
		if err != nil || told(got) != want {
			t.Errorf("%q: %s, %v; want %s", notation, told(got), err, want)
		}
	}
	for notation, want := range map[string]string{
		"abc^":       "holds for no key",
		"{F5":        "without its }",
		"a}b":        "without its {",
		"{}":         "names no key",
		"{Etner}":    `no key is called "Etner"`,
		"{F5 0}":     "from 1 to 1000",
		"{F5 9999}":  "from 1 to 1000",
		"{F5 often}": "down, up, or how often",
		"{U+110000}": "no character",
		"{U+xyz}":    "no character",
	} {
		if got, err := parse(notation); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %s, %v; want %q", notation, told(got), err, want)
		}
	}
}

// FuzzNotation sees that what can be read presses keys that exist, and stays within its bounds.
func FuzzNotation(f *testing.F) {
	for _, seed := range []string{"a", "^c", "{F5}", "{Enter 3}", "{{}", "{}}", "{U+20AC}", "{Text}x", "{Shift down}", "+", "{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, notation string) {
		list, err := parse(notation)
		if err != nil {
			return
		}
		for _, a := range list {
			if a.text == "" && (display.KeyName(a.stroke.Key) != a.stroke.Key || a.times < 1 || a.times > maxTimes) {
				t.Errorf("%q: %+v", notation, a)
			}
		}
	})
}
