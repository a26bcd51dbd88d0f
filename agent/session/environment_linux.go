package session

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// Environment asks the session's own programs for the variables that place a process in it: its screens, its buses, its
// language. It looks into their memory, which their user may have arranged so that a reader waits for ever: only a
// process of that very user may call it, since it has nothing to lose but the user's own work. What does not hold is
// left out.
func (m Machine) Environment(s Session) map[string]string {
	best, most := map[string]string{}, 0
	for p := range processes(m.proc(), s.UID) {
		text, err := p.read("environ")
		if err != nil {
			continue
		}
		env := parseEnviron(text)
		if env["XDG_SESSION_ID"] != s.ID && !p.within(s) {
			continue
		}
		if n := placed(env); n > most {
			best, most = env, n
		}
	}
	judge{s.UID, os.Lstat}.check(best, s)
	return best
}

// Placed says whether the variables show the session's screen, if it has one: early on its programs do not know it yet.
func Placed(env map[string]string, s Session) bool {
	return !s.Graphical() || env["DISPLAY"] != "" || env["WAYLAND_DISPLAY"] != ""
}

// placing are the variables that say where a process is. The program that knows most of them is believed.
func placing() []string {
	return []string{
		"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "XDG_CURRENT_DESKTOP",
		"XDG_SESSION_ID", "XDG_SESSION_TYPE",
	}
}

func placed(env map[string]string) (n int) {
	for _, name := range placing() {
		if env[name] != "" {
			n++
		}
	}
	return n
}

// parseEnviron reads the variables that a session's programs share from /proc/PID/environ. The first of two counts.
func parseEnviron(text string) map[string]string {
	env := map[string]string{}
	for entry := range strings.SplitSeq(text, "\x00") {
		name, value, found := strings.Cut(entry, "=")
		if _, known := env[name]; !known && found && value != "" && shared(name) {
			env[name] = value
		}
	}
	return env
}

func shared(name string) bool {
	return strings.HasPrefix(name, "LC_") || slices.Contains(append(placing(), "LANG", "LANGUAGE", "TZ", "SHELL"), name)
}

// judge looks at what variables name, which must be the user's own.
type judge struct {
	uid   uint32
	lstat func(string) (fs.FileInfo, error)
}

var displayForm = regexp.MustCompile(`^[A-Za-z0-9._-]*:[0-9]+(\.[0-9]+)?$`)

// check takes out what does not hold, and fills in what the system's own rules say.
func (j judge) check(env map[string]string, s Session) {
	fallback(env, "XDG_RUNTIME_DIR", fmt.Sprintf("/run/user/%d", j.uid))
	run := env["XDG_RUNTIME_DIR"]
	j.drop(env, "XDG_RUNTIME_DIR", j.owns(run, fs.ModeDir))
	if env["XDG_RUNTIME_DIR"] != "" {
		fallback(env, "DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(run, "bus"))
	}
	j.drop(env, "DBUS_SESSION_BUS_ADDRESS", j.bus(env["DBUS_SESSION_BUS_ADDRESS"]))
	j.drop(env, "WAYLAND_DISPLAY", j.owns(socket(run, env["WAYLAND_DISPLAY"]), fs.ModeSocket))
	j.drop(env, "XAUTHORITY", j.owns(env["XAUTHORITY"], 0))
	fallback(env, "DISPLAY", s.Display)
	j.drop(env, "DISPLAY", displayForm.MatchString(env["DISPLAY"]))
	env["XDG_SESSION_ID"] = s.ID
}

func fallback(env map[string]string, name, value string) {
	if env[name] == "" && value != "" {
		env[name] = value
	}
}

func (j judge) drop(env map[string]string, name string, holds bool) {
	if !holds {
		delete(env, name)
	}
}

// socket is where a Wayland display is listened for.
func socket(run, display string) string {
	if display == "" || filepath.IsAbs(display) {
		return display
	}
	return filepath.Join(run, display)
}

// bus says whether the first of a D-Bus address's choices is one that can be the user's.
func (j judge) bus(address string) bool {
	first, _, _ := strings.Cut(address, ";")
	first, _, _ = strings.Cut(first, ",")
	if path, ok := strings.CutPrefix(first, "unix:path="); ok {
		return j.owns(path, fs.ModeSocket)
	}
	return strings.HasPrefix(first, "unix:abstract=") // has no owner to ask for
}

// owns says whether the user has a thing of that type at a path.
func (j judge) owns(path string, kind fs.FileMode) bool {
	if !filepath.IsAbs(path) {
		return false
	}
	info, err := j.lstat(path)
	if err != nil || info.Mode().Type() != kind {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == j.uid
}
