package fs

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// change is what a watch tells.
type change struct {
	Path   string `lua:"path"`
	Change string `lua:"change"`
}

// compare lists what is different between two looks, by name; the path itself comes first.
func compare(path string, before, now sight) []change {
	var out []change
	add := func(name, what string) {
		out = append(out, change{filepath.Join(path, name), what})
	}
	for name, old := range before {
		next, there := now[name]
		switch {
		case !there:
			add(name, "removed")
		case differ(old, next):
			add(name, "changed")
		}
	}
	for name := range now {
		if _, was := before[name]; !was {
			add(name, "created")
		}
	}
	slices.SortFunc(out, func(a, b change) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// differ reports whether a name means something else than before. What happens in a directory is no change of it.
func differ(old, next fs.FileInfo) bool {
	if !os.SameFile(old, next) || old.Mode().Type() != next.Mode().Type() {
		return true
	}
	return !next.IsDir() && (old.Size() != next.Size() || !old.ModTime().Equal(next.ModTime()))
}
