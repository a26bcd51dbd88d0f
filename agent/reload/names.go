package reload

import (
	"fmt"
	"strings"
	"sync"
)

// names says which file has which ROLE_NAME. Names that differ only in case are one: their roles would share a data
// directory where file names do.
type names struct {
	mu      sync.Mutex
	owners  map[string]owner    // by folded name
	waiting map[string][]string // files that were refused for a name
}

type owner struct{ name, file string }

func newNames() names { return names{owners: map[string]owner{}, waiting: map[string][]string{}} }

// claim gives a name to a file, unless another file has it.
func (n *names) claim(name, file string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := strings.ToLower(name)
	has, taken := n.owners[key]
	if !taken || has.file == file {
		n.owners[key] = owner{name, file}
		return nil
	}
	n.waiting[key] = append(n.waiting[key], file)
	if has.name == name {
		return fmt.Errorf("%s: ROLE_NAME %q is taken by %s", file, name, has.file)
	}
	return fmt.Errorf("%s: ROLE_NAME %q and %q of %s differ only in case: they would share one data directory",
		file, name, has.name, has.file)
}

// keep takes from a file every name but one, "" for none, and gives the files that had been refused for one of them.
func (n *names) keep(name, file string) (refused []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key, has := range n.owners {
		if has.file == file && key != strings.ToLower(name) {
			refused = append(refused, n.waiting[key]...)
			delete(n.owners, key)
			delete(n.waiting, key)
		}
	}
	return refused
}
