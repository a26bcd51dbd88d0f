package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/policy"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

type roleDisallowCmd struct {
	InHome
	JSON   bool     `name:"json" help:"Print what was taken back as JSON."`
	Name   string   `arg:"" help:"The role's ROLE_NAME."`
	Grants []string `arg:"" optional:"" name:"grant" help:"What it may no longer use; all that it was allowed by default."`
}

func (c *roleDisallowCmd) Help() string {
	return `Examples:
  borealis-agent role disallow hello           # all that "role allow" gave it
  borealis-agent role disallow hello process   # also "process:uname", which is a part of it

A running agent brings the role to life again within seconds, without what was taken. What a shipped role declares came
with the agent and cannot be taken back: remove the role's file instead.`
}

// Run takes from the policy.
func (c *roleDisallowCmd) Run() error {
	tree, err := c.tree()
	if err != nil {
		return err
	}
	taken, left, err := c.disallow(tree)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		fmt.Fprintf(os.Stderr, "borealis-agent: %s may still use %s\n", c.Name, printable(strings.Join(left, ", ")))
	}
	if c.JSON {
		return writeJSON(os.Stdout, taken)
	}
	fmt.Printf("%s may no longer use %s\n", c.Name, printable(strings.Join(taken, ", ")))
	return nil
}

func (c *roleDisallowCmd) disallow(tree *settings.Tree) (taken, left []string, err error) {
	err = changePolicy(tree, func(p *policy.Policy) (bool, error) {
		taken, left = p.Disallow(c.Name, c.Grants...)
		return len(taken) > 0, nil
	})
	switch {
	case err != nil || len(taken) > 0:
		return taken, left, err
	case len(c.Grants) == 0:
		return nil, nil, fmt.Errorf("role %q was allowed nothing", c.Name)
	case len(left) == 0:
		return nil, nil, fmt.Errorf("role %q was not allowed that", c.Name)
	}
	return nil, nil, fmt.Errorf("role %q may use that as a part of %s", c.Name, printable(strings.Join(left, ", ")))
}
