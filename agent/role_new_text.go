package main

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
)

// The role and its test as they are written: a line that begins with "@on " or "@every " is for roles that do so.
var (
	//go:embed scaffold/role.lua.in
	newRole string
	//go:embed scaffold/role_test.lua.in
	newTest string
)

func (c *roleNewCmd) role() string { return c.fill(newRole) }

func (c *roleNewCmd) test() string { return c.fill(newTest) }

// on is the event that the role answers; "" for one that only has a timer.
func (c *roleNewCmd) on() string {
	if c.On == "" && c.Every == 0 {
		return c.Name
	}
	return c.On
}

// fill makes a file of a pattern.
func (c *roleNewCmd) fill(pattern string) string {
	every := strconv.FormatFloat(c.Every, 'f', -1, 64)
	contexts := map[string]string{"both": `"system", "interactive"`}[c.Context]
	if contexts == "" {
		contexts = strconv.Quote(c.Context)
	}
	var grants []string
	if c.on() != "" {
		grants = append(grants, `"engine:`+c.Name+`_answer"`)
	}
	if c.Every != 0 {
		grants = append(grants, `"engine:`+c.Name+`_tick"`)
	}
	words := strings.NewReplacer(
		"NAME", c.Name, "EVENT", c.on(), "SECONDS", every, "CONTEXTS", contexts, "GRANTS", strings.Join(grants, ", "),
		"ROLE_NAME", "ROLE_NAME", "ROLE_CONTEXTS", "ROLE_CONTEXTS", "ROLE_GRANTS", "ROLE_GRANTS",
	)
	return words.Replace(c.choose(pattern))
}

// choose keeps the lines that are for this role.
func (c *roleNewCmd) choose(pattern string) string {
	wanted := map[string]bool{"@on": c.on() != "", "@every": c.Every != 0}
	lines := slices.Collect(strings.Lines(pattern))
	var out strings.Builder
	for _, line := range lines {
		mark, rest, _ := strings.Cut(line, " ")
		mark = strings.TrimSpace(mark)
		want, marked := wanted[mark]
		switch {
		case !marked:
			out.WriteString(line)
		case want && rest == "":
			out.WriteString("\n")
		case want:
			out.WriteString(rest)
		}
	}
	return out.String()
}
