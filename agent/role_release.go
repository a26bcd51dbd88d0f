package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

type roleReleaseCmd struct {
	InHome
	JSON bool   `name:"json" help:"Print the released files as JSON."`
	Name string `arg:"" help:"The role's ROLE_NAME, or the name of its file."`
}

func (c *roleReleaseCmd) Help() string {
	return `Examples:
  borealis-agent role release hello

A role whose worker died five times within ten minutes is quarantined until its file changes or it is released. A
running agent starts it again within seconds; one that does not run, when it runs again.`
}

// Run asks the agent to release a role.
func (c *roleReleaseCmd) Run() error {
	tree, err := c.tree()
	if err != nil {
		return err
	}
	released, err := c.release(tree)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(os.Stdout, released)
	}
	fmt.Printf("%s: released\n", printable(strings.Join(released, ", ")))
	return nil
}

// release asks for every quarantined file that is meant, of whatever mode.
func (c *roleReleaseCmd) release(tree *settings.Tree) (released []string, err error) {
	var others []string
	for _, mode := range modes() {
		held, err := quarantine{tree.Files(), mode}.Load()
		if err != nil {
			return nil, err
		}
		for _, file := range slices.Sorted(maps.Keys(held)) {
			if file != c.Name && held[file].Name != c.Name {
				others = append(others, held[file].Name)
				continue
			}
			if err := askRelease(tree, mode, file); err != nil {
				return nil, err
			}
			released = append(released, file)
		}
	}
	switch {
	case len(released) > 0:
		return released, nil
	case len(others) > 0:
		return nil, fmt.Errorf("role %q is not quarantined; those that are: %s", c.Name, printable(strings.Join(others, ", ")))
	}
	return nil, fmt.Errorf("role %q is not quarantined; no role is", c.Name)
}
