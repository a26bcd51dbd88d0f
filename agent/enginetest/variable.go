package enginetest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Variable is one variable of an assembly, as a job carries it.
type Variable struct {
	Name        string `json:"name"`
	Label       string `json:"label"`
	Type        string `json:"type"` // string, number, boolean, credential
	Default     any    `json:"default"`
	Required    bool   `json:"required"`
	Description string `json:"description"`
	Value       any    `json:"value,omitempty"` // set when the operator overrode the default
}

// given is the value that counts.
func (v Variable) given() any {
	if v.Value != nil {
		return v.Value
	}
	return v.Default
}

var (
	foreign    = regexp.MustCompile(`[^A-Za-z0-9_]`)
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	envInText  = regexp.MustCompile(`(?i)\$env:(?:\{([^}]*)\}|([A-Za-z0-9_]+))`)
)

// sanitize makes a name of letters, digits and underscores; its upper case is the canonical name.
func sanitize(name string) string { return foreign.ReplaceAllString(strings.TrimSpace(name), "_") }

func canonical(name string) string { return strings.ToUpper(sanitize(name)) }

// environment is what a job sets: every value under its canonical name and under the aliases of it.
func environment(job Job) map[string]string {
	env := map[string]string{}
	for _, v := range job.Variables {
		addNames(env, v.Name, plainText(v.given()))
	}
	for name, value := range job.Environment {
		addNames(env, name, value)
	}
	return env
}

func addNames(env map[string]string, name, value string) {
	if sanitize(name) == "" {
		return
	}
	env[canonical(name)] = value
	env[sanitize(name)] = value
	if identifier.MatchString(name) {
		env[name] = value
	}
}

// plainText is a value as the environment holds it: as Python writes it.
func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "True"
		}
		return "False"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// substitute puts literals in the place of $env:NAME for each known variable, as the Engine does before it signs.
func substitute(script string, job Job) string {
	values, kinds := map[string]string{}, map[string]string{}
	for _, v := range job.Variables {
		values[canonical(v.Name)], kinds[canonical(v.Name)] = plainText(v.given()), v.Type
	}
	for name, value := range job.Environment {
		values[canonical(name)] = value
	}
	return envInText.ReplaceAllStringFunc(script, func(found string) string {
		parts := envInText.FindStringSubmatch(found)
		name := canonical(parts[1] + parts[2])
		if value, known := values[name]; known {
			return literal(kinds[name], value)
		}
		return found
	})
}

// literal writes a value in PowerShell.
func literal(kind, value string) string {
	switch strings.ToLower(kind) {
	case "boolean":
		switch strings.ToLower(value) {
		case "true", "1", "yes", "on":
			return "$true"
		}
		return "$false"
	case "number":
		if value == "" {
			return "0"
		}
		return value
	}
	return quote(value)
}

func quote(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }
