package bindings

import (
	"fmt"
	"strings"
)

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
		name, part, narrowed := strings.Cut(held, ":")
		if name == grant && (!narrowed || Native.covers(grant, part, thing)) {
			return nil
		}
	}
	return Fail("denied", "%s %q is not granted: add %q to ROLE_GRANTS", grant, thing, grant+":"+thing)
}

// Covers reports whether one grant takes in another: "process" takes in "process:uname", "fs" takes in "fs.read:/etc",
// and "fs.read:/etc" takes in "fs.read:/etc/hosts".
func Covers(wide, narrow string) bool { return Native.grantCovers(wide, narrow) }

func (s Spelling) grantCovers(wide, narrow string) bool {
	name, part, narrowed := strings.Cut(wide, ":")
	other, thing, otherNarrowed := strings.Cut(narrow, ":")
	switch {
	case name == "":
		return false
	case !narrowed:
		return name == other || strings.HasPrefix(other, name+".")
	}
	return name == other && otherNarrowed && s.covers(name, part, thing)
}

// GrantTrouble says why a grant would cover nothing on any system, and what to write instead; "" when it may cover
// something.
func GrantTrouble(grant string) string {
	name, part, narrowed := strings.Cut(grant, ":")
	switch {
	case name == "fs" && narrowed:
		return fmt.Sprintf(`%q covers nothing: write %q, or %q`, grant, "fs.read:"+part, "fs.write:"+part)
	case strings.HasPrefix(name, "fs.") && name != "fs.read" && name != "fs.write":
		return fmt.Sprintf(`%q covers nothing: write "fs.read" or "fs.write"`, grant)
	case strings.HasPrefix(name, "fs.") && narrowed && Unix.Clean(part) == "" && Windows.Clean(part) == "":
		return fmt.Sprintf(`%q covers nothing: write an absolute path without ".."; the role's own data directory needs only "fs"`, grant)
	}
	return ""
}

// covers reports whether what a grant is narrowed to takes in one thing: a path what lies below it, the name of a host
// or a program the same name in the system's eyes. Anything else takes in itself.
func (s Spelling) covers(grant, part, thing string) bool {
	switch {
	case part == thing:
		return true
	case grant == "fs.read", grant == "fs.write":
		return s.Within(part, thing)
	case grant == "http":
		return strings.EqualFold(part, thing)
	case grant == "process" && s == Windows:
		return program(part) == program(thing)
	}
	return false
}

// program is the name or path of a program on Windows, where case and the ending make no difference.
func program(name string) string {
	return strings.TrimSuffix(Windows.fold(strings.ReplaceAll(name, "/", `\`)), ".EXE")
}
