package system

import (
	"strings"
)

// platform is the operating system.
type platform struct {
	Family       string `lua:"family"`
	ID           string `lua:"id"`
	Name         string `lua:"name"`
	Version      string `lua:"version"`
	Kernel       string `lua:"kernel"`
	Architecture string `lua:"architecture"`
	Server       bool   `lua:"server"`
	Graphical    bool   `lua:"graphical"`
}

// parseRelease reads an os-release file: lines of NAME=value, quoted as a shell quotes.
func parseRelease(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(name, "#") {
			values[name] = unquote(value)
		}
	}
	return values
}

// unquote takes a shell's quotes off a value.
func unquote(value string) string {
	if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		quote := value[0]
		value = value[1 : len(value)-1]
		if quote == '\'' {
			return value
		}
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' && i+1 < len(value) {
			i++
		}
		b.WriteByte(value[i])
	}
	return b.String()
}

// windowsName composes the name of a Windows from what its registry says. The registry's own name is that of Windows
// 10 on Windows 11 too; the build tells them apart.
func windowsName(product, display, build, revision string) string {
	if len(build) >= 5 && build >= "22000" {
		product = strings.Replace(product, "Windows 10", "Windows 11", 1)
	}
	name := product
	if !strings.HasPrefix(name, "Microsoft ") {
		name = "Microsoft " + name
	}
	if display != "" {
		name += " " + display
	}
	if build != "" {
		name += " Build " + build
		if revision != "" {
			name += "." + revision
		}
	}
	return name
}
