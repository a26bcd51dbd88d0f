package policy

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

var (
	roleName   = regexp.MustCompile(`(?m)^ROLE_NAME\s*=\s*"([^"]*)"`)
	roleGrants = regexp.MustCompile(`(?m)^ROLE_GRANTS\s*=\s*\{([^}]*)\}`)
	quoted     = regexp.MustCompile(`"([^"]*)"`)
)

// byWordOnly are grants that no role has for having come with the agent: with them it acts in a person's place.
var byWordOnly = []string{"input"}

// Shipped reads what the roles that come with the agent declare, by the role's name. It knows the literals as these
// files write them, and no Lua: it is for texts of our own, and nothing else. A test holds it against the parser.
func Shipped(roles fs.FS) (map[string][]string, error) {
	files, err := fs.Glob(roles, "role_*.lua")
	if err != nil {
		return nil, err
	}
	declared := map[string][]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.lua") {
			continue
		}
		text, err := fs.ReadFile(roles, file)
		if err != nil {
			return nil, err
		}
		name := roleName.FindSubmatch(text)
		if name == nil {
			return nil, fmt.Errorf("%s: no ROLE_NAME", file)
		}
		declared[string(name[1])] = grants(text)
	}
	return declared, nil
}

func grants(text []byte) (all []string) {
	list := roleGrants.FindSubmatch(text)
	if list == nil {
		return nil
	}
	for _, m := range quoted.FindAllSubmatch(list[1], -1) {
		grant := string(m[1])
		module, _, _ := strings.Cut(grant, ":")
		if !slices.Contains(byWordOnly, module) {
			all = append(all, grant)
		}
	}
	return all
}
