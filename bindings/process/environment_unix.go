//go:build unix

package process

import (
	"os/user"
	"slices"
	"strings"
)

// sameName is equal for names of the same variable.
func sameName(name string) string { return name }

// inherited tells the variables that say who and where the agent is from those that may hold its secrets.
func inherited(name string) bool {
	return strings.HasPrefix(name, "LC_") || slices.Contains([]string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM",
		"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "XDG_SESSION_ID", "XDG_SESSION_TYPE",
		"XDG_CURRENT_DESKTOP", "DBUS_SESSION_BUS_ADDRESS",
	}, name)
}

// defaults stand in for what a service is not given. A program without a language would not write UTF-8.
func defaults() map[string]string {
	vars := map[string]string{"PATH": defaultPath, "LANG": "C.UTF-8"}
	if u, err := user.Current(); err == nil {
		vars["HOME"], vars["USER"], vars["LOGNAME"] = u.HomeDir, u.Username, u.Username
	}
	return vars
}
