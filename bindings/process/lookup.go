package process

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// grant is what a role must hold to start programs.
const grant = "process"

// program finds the file of argv[0] and asks whether the role may start it. A bare name stands for the file in the
// first trusted directory of the agent's PATH. An absolute path is taken as it is; a grant narrowed to a name covers
// it only where that name would have been found, so that a file of the same name elsewhere is not let in.
func (m *module) program(name string) (string, error) {
	switch {
	case name == "":
		return "", bindings.Misused("argument 1: the program's name is empty")
	case filepath.IsAbs(name):
		if err := m.host.Allow(grant, m.granted(name)); err != nil {
			return "", err
		}
		return name, startable(name)
	case name != filepath.Base(name):
		return "", bindings.Misused("argument 1: %q is neither a name nor an absolute path", name)
	}
	if err := m.host.Allow(grant, bareName(name)); err != nil {
		return "", err
	}
	return m.search(name)
}

func (m *module) granted(path string) string {
	if slices.Contains(m.directories(), filepath.Dir(path)) && trusted(path) == nil {
		return bareName(filepath.Base(path))
	}
	return path
}

// search looks through the directories of PATH that nobody but this user and the administrator can write.
func (m *module) search(name string) (string, error) {
	var distrust error
	for _, dir := range m.directories() {
		for _, file := range fileNames(name) {
			path := filepath.Join(dir, file)
			if !runnable(path) {
				continue
			}
			err := trusted(path)
			if err == nil {
				return path, nil
			}
			distrust = err
		}
	}
	if distrust != nil {
		return "", bindings.Fail("not_found", "program %q: found only where it cannot be trusted: %w", name, distrust)
	}
	return "", bindings.Fail("not_found", "program %q: not found in PATH", name)
}

// directories are those of PATH that do not depend on where the agent happens to stand.
func (m *module) directories() []string {
	path := lookup(m.environ, "PATH")
	if strings.TrimSpace(path) == "" {
		path = defaultPath
	}
	var dirs []string
	for _, dir := range filepath.SplitList(path) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	return dirs
}

// configured is the program that one of the agent's variables names, in their order; "" when none does.
func (m *module) configured(names ...string) (string, error) {
	for _, name := range names {
		path := lookup(m.environ, name)
		if path == "" || filepath.IsAbs(path) && !runnable(path) {
			continue
		}
		if !filepath.IsAbs(path) {
			return "", bindings.Fail("untrusted", "%s %q: not an absolute path", name, path)
		}
		if err := trusted(path); err != nil {
			return "", bindings.Fail("untrusted", "%s: %w", name, err)
		}
		return path, nil
	}
	return "", nil
}

// first is the first of several programs that is found.
func (m *module) first(names ...string) (string, error) {
	var err error
	for _, name := range names {
		var path string
		if path, err = m.search(name); err == nil {
			return path, nil
		}
	}
	return "", err
}
