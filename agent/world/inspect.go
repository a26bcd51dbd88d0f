package world

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/world/sandbox"
)

// roleName is what a role may be called: upstream's names, from RDP to script_exec_system.
var roleName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

// LibFile is where the helper that a role requires by this name stands, below the roles' directory.
func LibFile(name string) string {
	return strings.ReplaceAll(name, ".", "/") + ".lua"
}

// Inspect reads a role's file without running any of it: its literals, its helpers, and all that is wrong with it.
func Inspect(src contract.Source, lim sandbox.Limits) contract.Manifest {
	chunk, err := sandbox.Parse(src.Text, src.File, lim)
	if err != nil {
		return contract.Manifest{Problems: []string{err.Error()}}
	}
	m := contract.Manifest{Requires: chunk.Requires()}
	read := reader{file: src.File, found: map[string]sandbox.Literal{}}
	for _, l := range chunk.Literals() {
		read.take(l)
	}
	m.Name = read.name()
	m.Contexts = read.contexts()
	m.Grants = read.list("ROLE_GRANTS", false)
	if line, problem := chunk.ReturnsRole(); problem != "" {
		read.complain(line, "%s", problem)
	}
	m.Problems = read.problems
	return m
}

// reader turns the literals of a file into a manifest and collects what is wrong.
type reader struct {
	file     string
	found    map[string]sandbox.Literal
	problems []string
}

func (r *reader) complain(line int, format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf("%s:%d: %s", r.file, line, fmt.Sprintf(format, args...)))
}

func (r *reader) take(l sandbox.Literal) {
	if l.Problem != "" {
		r.complain(l.Line, "%s", l.Problem)
		return
	}
	r.found[l.Name] = l
}

func (r *reader) name() string {
	l, ok := r.found["ROLE_NAME"]
	switch {
	case !ok:
		r.complain(1, "ROLE_NAME is missing: declare it as a literal at the top level")
	case !l.IsString:
		r.complain(l.Line, "ROLE_NAME must be a string")
	case !roleName.MatchString(l.String):
		r.complain(l.Line, "ROLE_NAME %q: letters, digits and _ only, at most 64, a letter first", l.String)
	}
	return l.String
}

func (r *reader) contexts() []string {
	contexts := r.list("ROLE_CONTEXTS", true)
	for _, c := range contexts {
		if c != "system" && c != "interactive" {
			r.complain(r.found["ROLE_CONTEXTS"].Line, "ROLE_CONTEXTS %q: known are \"system\" and \"interactive\"", c)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(contexts)))
}

func (r *reader) list(name string, required bool) []string {
	l, ok := r.found[name]
	switch {
	case !ok && required:
		r.complain(1, "%s is missing: declare it as a literal list at the top level", name)
	case ok && l.IsString, required && ok && len(l.List) == 0:
		r.complain(l.Line, "%s must be a list of strings, such as { \"system\" }", name)
	}
	return l.List
}
