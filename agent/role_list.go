package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
)

type roleListCmd struct {
	InHome
	JSON bool `name:"json" help:"Print JSON instead of a table."`
}

func (c *roleListCmd) Help() string {
	return `Examples:
  borealis-agent role list --home /opt/borealis
  borealis-agent role list --json

Below the table stands, for each role, what keeps it or its latest edit from serving, and what is withheld from it.`
}

// Run lists the roles as the agent last told of them.
func (c *roleListCmd) Run() error {
	tree, err := c.tree()
	if err != nil {
		return err
	}
	s, runs, err := lastStatus(tree)
	if err != nil {
		return err
	}
	if !runs {
		fmt.Fprintln(os.Stderr, "borealis-agent: the agent does not run now; this is how it last was")
	}
	if c.JSON {
		return writeJSON(os.Stdout, s.Roles)
	}
	return listRoles(os.Stdout, s.Roles)
}

func listRoles(w io.Writer, roles []reload.Status) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ROLE\tSTATE\tVERSION\tSINCE\tFILE")
	for _, r := range roles {
		name := r.Name
		if name == "" {
			name = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", printable(name), r.State, r.Version, clock(time.Unix(r.Since, 0)), printable(r.File))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range roles {
		if text := remarks(r); text != "" {
			if _, err := fmt.Fprintf(w, "\n%s:\n%s", printable(r.File), indented(text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// remarks is all that an operator may want to mend.
func remarks(r reload.Status) string {
	var all []string
	if r.Reason != "" {
		all = append(all, r.Reason)
	}
	if r.State == reload.Quarantined {
		all = append(all, "borealis-agent role release "+r.Name)
	}
	if r.Refusal != nil {
		all = append(all, fmt.Sprintf("version %s was refused %s:", r.Refusal.Version, clock(time.Unix(r.Refusal.At, 0))), r.Refusal.Reason)
	}
	if len(r.Withheld) > 0 {
		all = append(all, fmt.Sprintf("withheld: %s; borealis-agent role allow %s", strings.Join(r.Withheld, ", "), r.Name))
	}
	if len(r.Weak) > 0 {
		all = append(all, "not locked down: "+strings.Join(r.Weak, ", "))
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\n") + "\n"
}
