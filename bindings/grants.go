package bindings

import "strings"

// Grants is what a role may use, as its ROLE_GRANTS lists it: "process" for the whole, "process:uname" for one
// thing of it.
type Grants []string

// Has reports whether any part of the grant is held: "fs" too when only "fs.read" is, or "fs.read:/etc".
func (g Grants) Has(grant string) bool {
	if grant == "" {
		return true
	}
	for _, held := range g {
		name, _, _ := strings.Cut(held, ":")
		if name == grant || strings.HasPrefix(name, grant+".") {
			return true
		}
	}
	return false
}

// Allow reports whether the grant covers one thing; the error says what to add.
func (g Grants) Allow(grant, thing string) error {
	for _, held := range g {
		if held == grant || held == grant+":"+thing {
			return nil
		}
	}
	return Fail("denied", "%s %q is not granted: add %q to ROLE_GRANTS", grant, thing, grant+":"+thing)
}
