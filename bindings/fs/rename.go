package fs

import (
	"context"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// rename moves a name. The old one must be readable too: a role may not write its way to what it may not read.
func (m *module) rename(ctx context.Context, from, to string) error {
	if err := m.readable(from); err != nil {
		return err
	}
	old, err := m.find(writeGrant, from, itself)
	if err != nil {
		return err
	}
	defer old.close()
	next, err := m.find(writeGrant, to, itself)
	if err != nil {
		return err
	}
	defer next.close()
	for _, p := range []*place{old, next} {
		if p.name == "." {
			return bindings.Fail("denied", "rename %q: it is the granted directory itself", p.path)
		}
	}
	return old.fail("rename", patiently(ctx, func() error { return old.move(next) }))
}

func (m *module) readable(path string) error {
	full, err := m.absolute(path)
	if err != nil {
		return err
	}
	_, err = m.covering(readGrant, full)
	return err
}

// move gives what stands at p the name of another place, in whose stead it then is.
func (p *place) move(to *place) error {
	if p.root.Name() == to.root.Name() {
		return p.root.Rename(p.name, to.name)
	}
	return renameBetween(p, to)
}
