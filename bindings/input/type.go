package input

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// maxText is how many characters one call may type: several pages.
const maxText = 20_000

// piece is how many characters are typed before a cancelled call stops.
const piece = 32

type textOptions struct {
	Rate float64 `lua:"rate" default:"0"`
}

// text types characters, whatever keys they are on.
func (m *module) text(ctx context.Context, text string, opts textOptions) error {
	if err := m.door.Allow("text"); err != nil {
		return err
	}
	if err := checkText(text, opts.Rate); err != nil {
		return err
	}
	for text != "" {
		n := piece
		if opts.Rate > 0 {
			n = 1
		}
		head := first(text, n)
		if err := m.keys.Text(head); err != nil {
			return err
		}
		text = text[len(head):]
		if err := pause(ctx, perKey(opts.Rate)); err != nil {
			return err
		}
	}
	return nil
}

func checkText(text string, rate float64) error {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		return bindings.Misused("argument 1: not UTF-8")
	case n > maxText:
		return bindings.Misused("argument 1: %d characters, of at most %d", n, maxText)
	case rate < 0 || rate > 1000:
		return bindings.Misused("option rate: %g is not within 0 and 1000 characters a second", rate)
	}
	return nil
}

// first is the first n characters of a text.
func first(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

func perKey(rate float64) time.Duration {
	if rate == 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / rate)
}

type keysOptions struct {
	Rate float64 `lua:"rate" default:"0"`
}

// send presses what a text says in AutoHotkey's notation. All of it is read before any of it is pressed.
func (m *module) send(ctx context.Context, notation string, opts keysOptions) (err error) {
	if err := m.door.Allow("keys"); err != nil {
		return err
	}
	if err := checkText(notation, opts.Rate); err != nil {
		return err
	}
	moves, err := parse(notation)
	if err != nil {
		return bindings.Misused("argument 1: %v", err)
	}
	held := holding{}
	defer func() {
		if err != nil {
			held.release(m.keys)
		}
	}()
	for _, a := range moves {
		if err := a.do(m.keys, held); err != nil {
			return err
		}
		if err := pause(ctx, perKey(opts.Rate)); err != nil {
			return err
		}
	}
	return nil
}
