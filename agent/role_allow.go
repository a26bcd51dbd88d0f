package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/policy"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/all"
	"github.com/bunny-lab-io/borealis-agent/luaroles"
)

type roleAllowCmd struct {
	InHome
	JSON   bool     `name:"json" help:"Print what was added as JSON."`
	Name   string   `arg:"" help:"The role's ROLE_NAME."`
	Grants []string `arg:"" optional:"" name:"grant" help:"What it may use; all that its file declares by default."`
}

func (c *roleAllowCmd) Help() string {
	return `Examples:
  borealis-agent role allow hello                       # all that its running version declares
  borealis-agent role allow hello engine process:uname  # this and no more

A running agent brings the role to life again within seconds. "process" allows "process:uname" as well, not the reverse.
What is allowed stands in Agent/Borealis/Settings/policy.toml; "role disallow" takes it back.`
}

// lockPolicy keeps two commands from each other's changes.
const lockPolicy = "policy.lock"

// Run adds to the policy.
func (c *roleAllowCmd) Run() error {
	tree, err := c.tree()
	if err != nil {
		return err
	}
	grants, err := c.grants(tree)
	if err != nil {
		return err
	}
	added, err := c.allow(tree, grants)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(os.Stdout, append([]string{}, added...))
	}
	if len(added) == 0 {
		fmt.Printf("%s may use that already\n", c.Name)
		return nil
	}
	fmt.Printf("%s may use %s\n", c.Name, printable(strings.Join(added, ", ")))
	return nil
}

func (c *roleAllowCmd) allow(tree *settings.Tree, grants []string) (added []string, err error) {
	err = changePolicy(tree, func(p *policy.Policy) (bool, error) {
		added = p.Allow(c.Name, grants...)
		return len(added) > 0, nil
	})
	return added, err
}

// changePolicy reads the policy, lets change work on it and, if it says so, writes it back, while no other command does.
func changePolicy(tree *settings.Tree, change func(*policy.Policy) (changed bool, err error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	unlock, err := tree.Lock(ctx, lockPolicy)
	if err != nil {
		return err
	}
	defer unlock()
	p, err := loadPolicy(tree)
	if err != nil {
		return err
	}
	if changed, err := change(p); !changed || err != nil {
		return err
	}
	return p.Save(tree.Files())
}

// grants are those of the command line, else what the role declares that the agent knows.
func (c *roleAllowCmd) grants(tree *settings.Tree) ([]string, error) {
	for _, g := range c.Grants {
		if !isGrant(all.List(), g) {
			return nil, fmt.Errorf("no module asks for the grant %q: borealis-agent docs lists them", g)
		}
	}
	if len(c.Grants) > 0 {
		return c.Grants, nil
	}
	s, _, err := lastStatus(tree)
	if err != nil {
		return nil, err
	}
	for _, r := range s.Roles {
		switch {
		case r.Name == c.Name && len(r.Grants) > 0:
			return r.Grants, nil
		case r.Name == c.Name && r.State == "running":
			return nil, fmt.Errorf("role %q declares no grant", c.Name)
		}
	}
	return nil, fmt.Errorf("no role %q runs here that says what it needs: name the grants", c.Name)
}

// isGrant reports whether a module asks for a grant, or for one that it is a part of.
func isGrant(list []bindings.Binding, grant string) bool {
	return slices.ContainsFunc(list, func(b bindings.Binding) bool { return b.Grant != "" && bindings.Covers(b.Grant, grant) })
}

func loadPolicy(tree *settings.Tree) (*policy.Policy, error) {
	shipped, err := policy.Shipped(luaroles.Files)
	if err != nil {
		return nil, err
	}
	return policy.Load(tree.Files(), shipped)
}
