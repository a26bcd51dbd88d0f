package process

import (
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// window is the size of a terminal, in characters.
type window struct {
	Rows int `lua:"rows" default:"24"`
	Cols int `lua:"cols" default:"80"`
}

// maxWindow is the largest size that every system takes.
const maxWindow = 32767

func (w window) check() error {
	if w.Rows < 1 || w.Rows > maxWindow || w.Cols < 1 || w.Cols > maxWindow {
		return bindings.Misused("a terminal of %d rows and %d columns: each must be within 1 and %d", w.Rows, w.Cols, maxWindow)
	}
	return nil
}

// terminalType names a kind of terminal that every program knows, unless the environment names one.
func terminalType(env []string) []string {
	if lookup(env, "TERM") != "" {
		return env
	}
	env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "TERM=") })
	return append(env, "TERM=xterm-256color")
}
