package role

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// granted is what the role gets of the grants that it declares.
func (r *Role) granted(declared []string) bindings.Grants {
	if r.cfg.Allowed == nil {
		return declared
	}
	granted, withheld := r.cfg.Allowed(r.manifest.Name, declared)
	r.manifest.Withheld = withheld
	if len(withheld) > 0 {
		r.log.Warn("grants withheld", "withheld", withheld, "allow", allowCommand(r.manifest.Name, withheld))
	}
	return granted
}

// describe tells the world of the modules. Of one that was withheld the reason is not the author's to mend.
func (r *Role) describe(granted bindings.Grants) []bindings.Module {
	modules := r.set.Describe(r.cfg.Bindings, granted)
	for i, b := range r.cfg.Bindings {
		if granted.Has(b.Grant) {
			continue
		}
		if parts := partsOf(r.manifest.Withheld, b.Grant); len(parts) > 0 {
			modules[i].Denied = notAllowed(r.manifest.Name, parts)
		}
	}
	return modules
}

// denial says of a call that was denied whether the operator withholds it; else it leaves the error as it is.
func (r *Role) denial(grant, thing string, err error) error {
	if err == nil || len(r.manifest.Withheld) == 0 {
		return err
	}
	parts := partsOf(r.manifest.Withheld, grant)
	for _, p := range parts {
		if p == grant || p == grant+":"+thing {
			return bindings.Fail("denied", "%s", notAllowed(r.manifest.Name, []string{p}))
		}
	}
	if len(parts) > 0 {
		return bindings.Fail("denied", "%w; %s", err, notAllowed(r.manifest.Name, parts))
	}
	return err
}

// partsOf lists the grants that are a grant or a part of it: of "fs" also "fs.read" and "fs.read:/etc".
func partsOf(grants []string, whole string) (parts []string) {
	for _, g := range grants {
		if (bindings.Grants{g}).Has(whole) {
			parts = append(parts, g)
		}
	}
	return parts
}

func notAllowed(name string, withheld []string) string {
	return fmt.Sprintf("grant %q is declared but not allowed here: %s", withheld[0], allowCommand(name, withheld))
}

// allowCommand is what an operator types to allow grants.
func allowCommand(name string, grants []string) string {
	words := []string{"borealis-agent", "role", "allow", name}
	for _, g := range grants {
		words = append(words, shellWord(g))
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:-]+$`)

// shellWord writes a word so that a shell takes it as one word and as nothing else: a role's file chooses its grants,
// and an operator may paste them.
func shellWord(s string) string {
	switch {
	case plainWord.MatchString(s):
		return s
	case strings.ContainsFunc(s, func(c rune) bool { return c == '\'' || !unicode.IsPrint(c) }):
		return "GRANT"
	}
	return "'" + s + "'"
}
