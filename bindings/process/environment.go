package process

import (
	"maps"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// marker is the variable by which everything that came of a run is found again, however it detached itself.
const marker = "BOREALIS_RUN_ID"

// environment is what a program starts with: of the agent's own variables only those that are known to hold no
// secret, then the role's, and last the marker of the run.
func environment(own []string, role map[string]string, run string) ([]string, error) {
	vars := map[string]string{}
	for _, v := range own {
		if name, _, ok := strings.Cut(v, "="); ok && inherited(name) {
			vars[sameName(name)] = v
		}
	}
	for name, value := range defaults() {
		if _, ok := vars[sameName(name)]; !ok {
			vars[sameName(name)] = name + "=" + value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(role)) {
		value := role[name]
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			return nil, bindings.Fail("invalid", "env: %q cannot be a variable", name)
		}
		vars[sameName(name)] = name + "=" + value
	}
	vars[sameName(marker)] = marker + "=" + run
	return slices.Sorted(maps.Values(vars)), nil
}

// lookup finds a variable in a list as os.Environ gives it.
func lookup(list []string, name string) string {
	for _, v := range list {
		if n, value, ok := strings.Cut(v, "="); ok && sameName(n) == sameName(name) {
			return value
		}
	}
	return ""
}
