package process

import (
	"os"
	"slices"
	"strings"
)

// account is a user whom a program is run as. A nil *account stands for whoever runs the agent.
type account struct {
	uid, gid          int
	groups            []uint32
	name, home, shell string
}

// findUser finds whom the option user names; without it, nobody in particular.
func findUser(name *string) (*account, error) {
	if name == nil {
		return nil, nil
	}
	return findAccount(*name)
}

// dir is where a program starts that was told no other place: the user's home or, as at a login without one, the root.
func (a *account) dir() string {
	if a.home == "" || checkDir(a.home) != nil {
		return "/"
	}
	return a.home
}

// environ is what the agent's own environment and the user's account come to: nothing of the agent's session.
func (a *account) environ(own []string) []string {
	if a == nil {
		return own
	}
	mine := slices.DeleteFunc(slices.Clone(own), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return !strings.HasPrefix(name, "LC_") && !slices.Contains([]string{"PATH", "LANG", "LANGUAGE", "TZ", "TERM"}, name)
	})
	return append(mine, "HOME="+a.home, "USER="+a.name, "LOGNAME="+a.name, "SHELL="+a.shell)
}

// take makes a file, which nobody else has seen yet, the user's own.
func (a *account) take(file *os.File) error {
	if a == nil {
		return nil
	}
	return file.Chown(a.uid, a.gid)
}

// takeDir is take for a directory.
func (a *account) takeDir(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}
