package display

import (
	"errors"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// Door is where a role asks for something of the session.
type Door struct {
	Host  bindings.Host
	Grant string
	Thing string // what the grant is for: "a screen"
}

// Allow says whether the role may call a function, and whether it runs where there is such a thing at all.
func (d Door) Allow(function string) error {
	if err := d.Host.Allow(d.Grant, function); err != nil {
		return err
	}
	if d.Host.Place().Context != "interactive" {
		return bindings.Fail("unsupported", `%s is a logged-in user's: ROLE_CONTEXTS = { "interactive" }`, d.Thing)
	}
	return nil
}

// failure gives why something failed the one word that roles compare, "failed" for what has none of its own.
func failure(err error) error {
	if err == nil {
		return nil
	}
	for _, c := range []struct {
		err  error
		code string
	}{
		{ErrLost, "lost"},
		{ErrNoDisplay, "no_display"},
		{ErrPermission, "permission"},
		{ErrLocked, "locked"},
		{ErrNoWindow, "not_found"},
		{ErrNoKey, "no_key"},
		{ErrUnsupported, "unsupported"},
	} {
		if errors.Is(err, c.err) {
			return bindings.Fail(c.code, "%w", err)
		}
	}
	return bindings.Fail("failed", "%w", err)
}
