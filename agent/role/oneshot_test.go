package role

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// runLua runs a script in the name of a role, and gives what it printed.
func runLua(ctx context.Context, t *testing.T, r *Role, source string) ([]string, error) {
	t.Helper()
	var printed []string
	h := &host{role: r, grants: r.granted(r.manifest.Grants)}
	err := h.RunLua(ctx, []byte(source), map[string]string{"WHOM": `"tern"`}, func(line string) { printed = append(printed, line) })
	return printed, err
}

func TestAScriptHasAWorldOfItsOwn(t *testing.T) {
	o, cfg := newOffice(t)
	r := start(t, cfg, on("desk.say(1)"))
	got, err := runLua(t.Context(), t, r, "-- a comment\nprint('hi ' .. env.WHOM)\ndesk.say('from the script')\nprint(Role == nil)")
	if err != nil || !slices.Equal(got, []string{`hi "tern"`, "false"}) {
		t.Errorf("printed %q, %v", got, err)
	}
	o.said(`"from the script"`)
	for source, want := range map[string]string{
		"local a\nlocal b = a.c":               "script.lua:2: ",
		"x = = 1":                              "script.lua:1",
		"\n\nerror('no', 0)":                   "no",
		"while true do end":                    "script.lua:1: ran for too long",
		"require('lib.x')":                     "no helper",
		"http.get('x')":                        "http",
		"end) end error('broken out') do do (": "script.lua",
	} {
		_, err := runLua(t.Context(), t, r, source)
		var failed *bindings.Error
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", source, err)
		}
	}
	if _, err := runLua(t.Context(), t, r, "return 5"); err != nil {
		t.Errorf("a script may return: %v", err)
	}
}

func TestAScriptThatIsNotWantedAnyMoreIsEnded(t *testing.T) {
	_, cfg := newOffice(t)
	r := start(t, cfg, on("desk.say(1)"))
	late := errors.New("its time was up")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, late)
	defer cancel()
	got, err := runLua(ctx, t, r, "print('begun') desk.hold()")
	if !errors.Is(err, late) || !slices.Equal(got, []string{"begun"}) {
		t.Errorf("printed %q, %v", got, err)
	}
}
