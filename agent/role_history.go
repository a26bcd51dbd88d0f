package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
)

type roleHistoryCmd struct {
	InHome
	JSON bool   `name:"json" help:"Print JSON instead of a table."`
	Name string `arg:"" help:"The role's ROLE_NAME, or the name of its file."`
}

func (c *roleHistoryCmd) Help() string {
	return `Examples:
  borealis-agent role history script_exec_system
  borealis-agent role history role_hello.lua --json

The last 1,000 turns of all roles are kept. VERSION is the beginning of the file's SHA-256, which --json shows whole. MS is the time from the settled file to serving, or to the refusal.`
}

// Run shows the turns of one role, oldest first.
func (c *roleHistoryCmd) Run() error {
	tree, err := c.tree()
	if err != nil {
		return err
	}
	all, err := readHistory(tree)
	if err != nil {
		return err
	}
	own := turnsOf(all, c.Name)
	if len(own) == 0 {
		return fmt.Errorf("nothing is known of a role %q", c.Name)
	}
	if c.JSON {
		return writeJSON(os.Stdout, own)
	}
	return showTurns(os.Stdout, own)
}

// turnsOf finds the entries of a role. A file that was refused at first has no name yet: it is known by its file.
func turnsOf(all []reload.Entry, name string) []reload.Entry {
	files := []string{name}
	for _, e := range all {
		if e.Name == name {
			files = append(files, e.File)
		}
	}
	return slices.DeleteFunc(all, func(e reload.Entry) bool {
		return e.Name != name && e.File != name && (e.Name != "" || !slices.Contains(files, e.File))
	})
}

func showTurns(w io.Writer, turns []reload.Entry) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TIME\tSTATE\tVERSION\tMS\tFILE\tREASON")
	for _, e := range turns {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n",
			clock(e.Time), e.State, e.Version, e.Milliseconds, printable(e.File), printable(e.Reason))
	}
	return table.Flush()
}
