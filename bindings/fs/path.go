package fs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// absolute gives a path its one spelling. A relative path lies in the role's data directory.
func (m *module) absolute(path string) (string, error) {
	if trouble := bindings.Native.Trouble(path); trouble != "" {
		return "", bindings.Fail("bad_path", "path %q: %s", path, trouble)
	}
	if clean := bindings.Native.Clean(path); clean != "" {
		return clean, nil
	}
	data, err := m.dataDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(data, path), nil
}

func (m *module) dataDir() (string, error) {
	dir := m.host.Place().DataDir
	if !filepath.IsAbs(dir) {
		return "", bindings.Fail("not_found", "this role has no data directory")
	}
	return filepath.Clean(dir), nil
}

// cover is what allows a path: a directory or a file, by its absolute path.
type cover struct {
	path string
	// whole is set when the grant is not narrowed: there is no outside that a link could lead to.
	whole bool
	// own is set for the data directory, which is made when it is missing.
	own bool
}

// covering finds the widest part of the grant that allows a path, or else says what is missing.
func (m *module) covering(grant, path string) (cover, error) {
	if data, err := m.dataDir(); err == nil && within(data, path) {
		return cover{path: data, own: true}, nil
	}
	up := ancestors(path)
	for i, dir := range up {
		if m.host.Allow(grant, dir) == nil {
			return cover{path: dir, whole: i == 0}, nil
		}
	}
	return cover{}, m.host.Allow(grant, path)
}

// ancestors lists what lies above a path, from the root of its volume down to the path itself.
func ancestors(path string) []string {
	up := []string{path}
	for parent := filepath.Dir(path); parent != path; parent = filepath.Dir(path) {
		up = append(up, parent)
		path = parent
	}
	slices.Reverse(up)
	return up
}

// within reports whether a clean path is a directory or lies below it. The directory is the agent's own, so nothing is
// asked of its spelling but that it is repeated.
func within(dir, path string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || os.IsPathSeparator(rest[0]) || os.IsPathSeparator(dir[len(dir)-1]))
}
