package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

type serviceUninstallCmd struct {
	OfService
	KeepData bool `help:"Leave the runtime tree, with identity, settings, roles and logs, and the key that opens it."`
}

// Run takes the service away: first from the system, then its programs, its data, and last the record of both, so that
// what was interrupted can be repeated.
func (c *serviceUninstallCmd) Run() error {
	if !c.User && !privileged() {
		return errors.New("the machine's service is the administrator's to remove")
	}
	ctx := context.Background()
	state, err := c.service().State(ctx)
	if err != nil {
		return err
	}
	if err := c.service().Uninstall(ctx); err != nil {
		return err
	}
	home, err := c.home()
	if err != nil {
		return err
	}
	if tree, err := c.tree(); err == nil {
		if r, err := readRecord(tree, c.mode()); err == nil {
			return c.remove(tree, r)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if state.Installed {
		return fmt.Errorf("the service is gone; its files were not installed from %q: name its tree with --home to remove them", home)
	}
	fmt.Printf("no service is installed, nor files of one in %q\n", home)
	return nil
}

// remove takes away what the record says.
func (c *serviceUninstallCmd) remove(tree *settings.Tree, r record) error {
	if err := r.removePrograms(); err != nil {
		return err
	}
	other := otherService(tree, c.mode())
	if other != "" {
		fmt.Printf("the tree %q stays: the service of mode %s uses it\n", tree.Root(), other)
	}
	if c.KeepData || other != "" {
		r.Gone = true
		return r.write(tree, c.mode())
	}
	return r.removeData(tree.Root(), recordName(c.mode()))
}

// otherService is the mode of another service that lives on the same tree, "" when there is none.
func otherService(tree *settings.Tree, m wire.Mode) wire.Mode {
	for _, other := range modes() {
		r, err := readRecord(tree, other)
		if other != m && !r.Gone && !errors.Is(err, fs.ErrNotExist) {
			return other
		}
	}
	return ""
}

// removePrograms takes away the programs that the installation brought, with what an interrupted or a running
// replacement left of them.
func (r record) removePrograms() error {
	if r.InPlace {
		return nil
	}
	patterns := []string{journalName}
	for _, name := range programNames("") {
		patterns = append(patterns, name, name+beforeMark, name+".exe*")
	}
	return errors.Join(sweepPrograms(r.Programs), removeAll(r.Programs, patterns), removeEmpty(r.Programs))
}

// sweepPrograms takes away what an interrupted installation or replacement left half done.
func sweepPrograms(dir string) error {
	patterns := []string{"." + journalName + ".new-*", ".try-*"}
	for _, name := range programNames("") {
		patterns = append(patterns, "."+name+"*.new-*")
	}
	return removeAll(dir, patterns)
}

// removeAll removes what is called like one of the patterns in a folder.
func removeAll(dir string, patterns []string) error {
	var errs []error
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		errs = append(errs, err)
		for _, file := range files {
			errs = append(errs, os.RemoveAll(file))
		}
	}
	return errors.Join(errs...)
}

// removeData takes away the tree, and the seal key that nothing else was sealed with. What else lies in the tree's folder
// is not ours. The record goes last.
func (r record) removeData(home, recorded string) error {
	agent := filepath.Join(home, "Agent")
	borealis := filepath.Join(agent, "Borealis")
	errs := []error{
		os.RemoveAll(filepath.Join(home, "Roles")),
		removeBut(agent, "Borealis"), removeBut(borealis, "Settings"), removeBut(filepath.Join(borealis, "Settings"), recorded),
	}
	if r.SealKey != "" {
		errs = append(errs, remove(r.SealKey), removeEmpty(filepath.Dir(r.SealKey)))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(agent), removeEmpty(home))
}

// removeBut empties a folder except for one name.
func removeBut(dir, keep string) error {
	entries, err := os.ReadDir(dir)
	errs := []error{err}
	for _, e := range entries {
		if e.Name() != keep {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// remove removes a file; one that is gone already is no error.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeEmpty removes a folder unless something lies in it.
func removeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || len(entries) > 0 {
		return err
	}
	return os.Remove(dir)
}
