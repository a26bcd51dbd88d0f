package input

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bunny-lab-io/borealis-agent/bindings/display"
)

// action is a text to type, or a key to press some times.
type action struct {
	text   string
	stroke display.Stroke
	times  int
}

// maxTimes is how often one key may be pressed by one {KEY N}.
const maxTimes = 1000

// holding are the keys that are down.
type holding map[string]bool

func (h holding) release(keys typist) {
	for key := range h {
		_ = keys.Stroke(display.Stroke{Key: key, Change: display.Up})
	}
}

func (a action) do(keys typist, held holding) error {
	if a.text != "" {
		return keys.Text(a.text)
	}
	for range a.times {
		if err := keys.Stroke(a.stroke); err != nil {
			return err
		}
	}
	switch a.stroke.Change {
	case display.Down:
		held[a.stroke.Key] = true
	case display.Up:
		delete(held, a.stroke.Key)
	}
	return nil
}

// parse reads AutoHotkey's notation for Send: plain characters are typed; ^ ! + # hold Ctrl, Alt, Shift and Win for the next key;
// {NAME}, {NAME N}, {NAME down} and {NAME up} are keys with a name, {U+HHHH} a character by its number, {{} and {}} the braces; {Text}
// (or {Raw}) makes the rest plain.
func parse(notation string) ([]action, error) {
	p := parser{rest: notation}
	for p.rest != "" {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	if len(p.mods) > 0 {
		return nil, fmt.Errorf("%q: a modifier at the end holds for no key", notation)
	}
	return p.actions, nil
}

type parser struct {
	rest    string
	mods    []string
	actions []action
}

// next takes one character, one modifier, or one name in braces.
func (p *parser) next() error {
	r, size := utf8.DecodeRuneInString(p.rest)
	if mod, ok := map[rune]string{'^': "ctrl", '!': "alt", '+': "shift", '#': "super"}[r]; ok {
		p.rest = p.rest[size:]
		if !slices.Contains(p.mods, mod) {
			p.mods = append(p.mods, mod)
		}
		return nil
	}
	switch r {
	case '{':
		return p.braces()
	case '}':
		return fmt.Errorf("a } without its {; as a character it is written {}}")
	}
	p.rest = p.rest[size:]
	p.character(string(r))
	return nil
}

// character types a character, or presses its key where modifiers are held.
func (p *parser) character(c string) {
	switch {
	case len(p.mods) > 0:
		p.press(c, display.Tap, 1)
	case len(p.actions) > 0 && p.actions[len(p.actions)-1].text != "":
		p.actions[len(p.actions)-1].text += c
	default:
		p.actions = append(p.actions, action{text: c})
	}
}

func (p *parser) press(key string, c display.Change, times int) {
	p.actions = append(p.actions, action{stroke: display.Stroke{Key: key, Mods: p.mods, Change: c}, times: times})
	p.mods = nil
}

func (p *parser) braces() error {
	inside, rest, found := strings.Cut(p.rest[1:], "}")
	if strings.HasPrefix(p.rest, "{}}") {
		inside, rest, found = "}", p.rest[3:], true
	}
	if !found {
		return fmt.Errorf("%.20q: a { without its }; as a character it is written {{}", p.rest)
	}
	p.rest = rest
	name, more, _ := strings.Cut(strings.TrimSpace(inside), " ")
	switch lower := strings.ToLower(name); {
	case lower == "text" || lower == "raw":
		if rest != "" {
			p.actions = append(p.actions, action{text: rest})
		}
		p.rest = ""
		return nil
	case lower == "blind":
		return nil
	case strings.HasPrefix(lower, "u+"):
		n, err := strconv.ParseUint(name[2:], 16, 32)
		if err != nil || !utf8.ValidRune(rune(n)) {
			return fmt.Errorf("{%.20s}: no character has this number", inside)
		}
		p.character(string(rune(n)))
		return nil
	}
	return p.named(inside, name, strings.TrimSpace(more))
}

// named is a key with a name, how often, or in which direction.
func (p *parser) named(inside, name, more string) error {
	if name == "" {
		return fmt.Errorf("{%.20s} names no key; the braces as characters are {{} and {}}", inside)
	}
	key := display.KeyName(name)
	if key == "" {
		return fmt.Errorf("{%.20s}: no key is called %.20q; there are characters and %s", inside, name, strings.Join(display.KeyNames(), ", "))
	}
	switch strings.ToLower(more) {
	case "":
		if utf8.RuneCountInString(key) == 1 {
			p.character(key)
			return nil
		}
		p.press(key, display.Tap, 1)
		return nil
	case "down":
		p.press(key, display.Down, 1)
		return nil
	case "up":
		p.press(key, display.Up, 1)
		return nil
	}
	n, err := strconv.Atoi(more)
	if err != nil || n < 1 || n > maxTimes {
		return fmt.Errorf("{%.20s}: want down, up, or how often, from 1 to %d", inside, maxTimes)
	}
	p.press(key, display.Tap, n)
	return nil
}
