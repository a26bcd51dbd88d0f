// Package policy is what the operator of a machine lets roles use, whatever their files declare. It promises that a
// file which did not come with the agent gets nothing until the operator allows it, and that nobody gets more than the
// operator wrote and the file declares. It only answers: the role package withholds, at the moment of the call. Where
// the policy lies and how it is written whole is its reader's business.
package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pelletier/go-toml/v2"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// File is the policy's name among the settings.
const File = "policy.toml"

// heading stands above every policy that Save writes.
const heading = `# What roles may use on this machine, besides what the shipped ones declare.
# Written by "borealis-agent role allow", which keeps no comments; it may be edited by hand, too:
#   [roles.hello]
#   allow = ["engine", "process:uname", "http:api.example.org"]

`

// Files is where the policy lies. Write replaces a file whole or not at all; a missing file reads as fs.ErrNotExist.
type Files interface {
	Read(name string) ([]byte, error)
	Write(name string, data []byte) error
}

// Policy is one reading of the file.
type Policy struct {
	// AllowAll gives every role what it declares: for demonstrations, and for machines on which everybody who can
	// write a role is trusted with the machine.
	AllowAll bool
	roles    map[string][]string
	shipped  map[string][]string
}

// document is the file's shape.
type document struct {
	AllowAll bool            `toml:"allow_all,omitempty"`
	Roles    map[string]rule `toml:"roles,omitempty"`
}

type rule struct {
	Allow []string `toml:"allow"`
}

// Load reads the policy; a missing file is an empty one. shipped says what each role that comes with the agent
// declares, by the role's name: it needs no permission, and neither does an edit of such a role that declares no more.
// What the edit adds is withheld like any other file's.
func Load(files Files, shipped map[string][]string) (*Policy, error) {
	text, err := files.Read(File)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return parse(text, shipped)
}

func parse(text []byte, shipped map[string][]string) (*Policy, error) {
	var d document
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&d); err != nil {
		return nil, fmt.Errorf("%s: %w", File, explain(err))
	}
	p := &Policy{AllowAll: d.AllowAll, roles: map[string][]string{}, shipped: shipped}
	for name, r := range d.Roles {
		p.roles[name] = r.Allow
	}
	return p, nil
}

// Grants splits what a role declares into what it gets and what is withheld from it.
func (p *Policy) Grants(name string, declared []string) (granted, withheld []string) {
	allowed := slices.Concat(p.shipped[name], p.roles[name])
	for _, grant := range declared {
		covers := func(a string) bool { return bindings.Covers(a, grant) }
		if p.AllowAll || slices.ContainsFunc(allowed, covers) {
			granted = append(granted, grant)
		} else {
			withheld = append(withheld, grant)
		}
	}
	return granted, withheld
}

// Allow adds grants to what a role may use, and reports those that it could not use before.
func (p *Policy) Allow(name string, grants ...string) (added []string) {
	for _, grant := range grants {
		if slices.ContainsFunc(p.roles[name], func(a string) bool { return bindings.Covers(a, grant) }) {
			continue
		}
		p.roles[name] = append(p.roles[name], grant)
		added = append(added, grant)
	}
	return added
}

// Disallow takes grants back, and what they cover; without any, all that the operator allowed the role. It reports what
// was taken, and what of the rest still covers some of it: the role goes on with that.
func (p *Policy) Disallow(name string, grants ...string) (taken, left []string) {
	for _, allowed := range p.roles[name] {
		if len(grants) == 0 || slices.ContainsFunc(grants, func(g string) bool { return bindings.Covers(g, allowed) }) {
			taken = append(taken, allowed)
		}
	}
	p.roles[name] = slices.DeleteFunc(p.roles[name], func(a string) bool { return slices.Contains(taken, a) })
	if len(p.roles[name]) == 0 {
		delete(p.roles, name)
	}
	for _, rest := range slices.Concat(p.shipped[name], p.roles[name]) {
		if slices.ContainsFunc(slices.Concat(grants, taken), func(g string) bool { return bindings.Covers(rest, g) }) {
			left = append(left, rest)
		}
	}
	return taken, left
}

// Save writes the policy.
func (p *Policy) Save(files Files) error {
	d := document{AllowAll: p.AllowAll, Roles: map[string]rule{}}
	for name, allow := range p.roles {
		d.Roles[name] = rule{slices.Sorted(slices.Values(allow))}
	}
	text, err := toml.Marshal(d)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	return files.Write(File, append([]byte(heading), text...))
}
