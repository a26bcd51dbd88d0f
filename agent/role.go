package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// roleCmd is the operator's and the author's side of roles.
type roleCmd struct {
	New      roleNewCmd      `cmd:"" help:"Write a role and its test to begin with."`
	Watch    roleWatchCmd    `cmd:"" help:"Answer each save of a role: does it load, what may it use, do its tests pass."`
	Test     roleTestCmd     `cmd:"" help:"Run the tests beside roles, without an agent or a machine."`
	Explain  roleExplainCmd  `cmd:"" help:"Show what a role would do about an event, without doing it."`
	Check    roleCheckCmd    `cmd:"" help:"Try role files as the agent would load them, without an agent."`
	List     roleListCmd     `cmd:"" help:"List the roles of this machine's agent, and why an edit is not live."`
	Allow    roleAllowCmd    `cmd:"" help:"Let a role use what its file declares."`
	Disallow roleDisallowCmd `cmd:"" help:"Take back what a role was allowed."`
	History  roleHistoryCmd  `cmd:"" help:"Show what became of each version of a role."`
	Release  roleReleaseCmd  `cmd:"" help:"Let a role out of quarantine."`
}

// InHome is the flag of commands that speak of this machine's agent.
type InHome struct {
	Home string `placeholder:"DIR" help:"The agent's runtime tree; BOREALIS_ROOT by default, else that of the installed service."`
}

// tree opens the tree of an agent that is or was there; it makes none, since a mistyped path would look like one.
func (h InHome) tree() (*settings.Tree, error) {
	root, err := rootOf(h.Home)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(filepath.Join(root, "Agent", "Borealis", "Settings"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no agent has run in %q yet", root)
	}
	if err != nil {
		return nil, err
	}
	return settings.Open(root)
}

// lastStatus reads status.json. An agent that does not run now has left it as its last word.
func lastStatus(tree *settings.Tree) (s status, runs bool, err error) {
	text, err := tree.Files().Read("status.json")
	if err != nil {
		return s, false, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, false, fmt.Errorf("status.json: %w", err)
	}
	return s, tree.Present(s.Mode), nil
}

// modes are those in which an agent may keep something in a tree.
func modes() []wire.Mode { return []wire.Mode{wire.System, wire.CurrentUser} }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printable is text for a terminal: what a role's file had a hand in may try to move the cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}

// indented is text of several lines, each printable and set in.
func indented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString("  " + printable(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return out.String()
}

func clock(t time.Time) string { return t.Local().Format(time.DateTime) }
