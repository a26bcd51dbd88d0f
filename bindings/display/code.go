package display

import "errors"

// Code is one word for why something failed, "failed" for whatever has none of its own.
func Code(err error) string {
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
			return c.code
		}
	}
	return "failed"
}
