package world

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
)

// within is a role whose handler holds for ever, and may do so for as long as the options say.
func within(options string) string {
	return "function Role:register_events(events) events:on('go', function()\ndesk.hold() end" + options + ") end"
}

func TestAHandlerThatTakesTooLongIsEnded(t *testing.T) {
	for name, body := range map[string]string{
		"the usual time": within(""),
		"its own time":   within(", { within = 0.02 }"),
		"under pcall":    on("while true do pcall(desk.hold) end"),
	} {
		w := serving(t, &desk{}, body, func(_ *contract.Setup, l *Limits) {
			if l.Within = 20 * time.Millisecond; name == "its own time" {
				l.Within = time.Hour
			}
		})
		err := fire(t, w, `{}`)
		if !errors.Is(err, ErrLate) || !strings.HasPrefix(err.Error(), "role_t.lua:") || !strings.HasSuffix(err.Error(), ": 20ms") {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.Config(t.Context(), w.baton.queue(), []byte(`[]`)); err != nil {
			t.Errorf("%s: the role does not go on: %v", name, err)
		}
	}
}

func TestAHandlerMayAskForMoreTime(t *testing.T) {
	d := &desk{}
	w := serving(t, d, within(", { within = 60 }"), func(_ *contract.Setup, l *Limits) { l.Within = time.Nanosecond })
	close(d.release)
	if err := fire(t, w, `{}`); err != nil {
		t.Fatal(err)
	}
}

func TestWrongOptionsOfAHandlerAreRefused(t *testing.T) {
	for options, want := range map[string]string{
		"5":                  "the options are a number, not a table",
		"{ witin = 5 }":      `no option "witin": there are at_once and within`,
		"{ 5 }":              `no option "1": there are at_once and within`,
		"{ within = '5' }":   "within must be a number of seconds above 0, at most 86400",
		"{ within = 0 }":     "within must be a number",
		"{ within = 86401 }": "within must be a number",
		"{ within = 0 / 0 }": "within must be a number",
		"{ within = 1 / 0 }": "within must be a number",
		"{ within = -1 }":    "within must be a number",
		"{ at_once = 0 }":    "at_once must be a whole number above 0",
		"{ at_once = 1.5 }":  "at_once must be a whole number",
		"{ at_once = 0/0 }":  "at_once must be a whole number",
		"{ at_once = 1/0 }":  "at_once must be a whole number",
		"{ at_once = '8' }":  "at_once must be a whole number",
	} {
		_, loaded := load(t, &desk{}, within(", "+options))
		if len(loaded.Problems) != 1 || !strings.Contains(loaded.Problems[0], `events:on("go"): `+want) {
			t.Errorf("%s: %q", options, loaded.Problems)
		}
	}
}
