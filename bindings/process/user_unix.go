//go:build unix

package process

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// findAccount reads an account from the system's lists. Only root can become somebody else.
func findAccount(name string) (*account, error) {
	u, err := user.Lookup(name)
	var unknown user.UnknownUserError
	if errors.As(err, &unknown) {
		return nil, bindings.Fail("not_found", "user %q: not known on this system", name)
	}
	if err != nil {
		return nil, bindings.Fail("failed", "user %q: %w", name, err)
	}
	a, err := accountOf(u)
	if err != nil {
		return nil, bindings.Fail("failed", "user %q: %w", name, err)
	}
	return a, a.permitted(os.Geteuid())
}

func accountOf(u *user.User) (*account, error) {
	names, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	a := &account{name: u.Username, home: u.HomeDir, shell: shellOf(u.Username)}
	if a.uid, err = number(u.Uid); err != nil {
		return nil, err
	}
	for _, name := range append(names, u.Gid) {
		if a.gid, err = number(name); err != nil { // the last, which is the user's own, stays
			return nil, err
		}
		a.groups = append(a.groups, uint32(a.gid))
	}
	slices.Sort(a.groups)
	a.groups = slices.Compact(a.groups)
	return a, nil
}

// number is the id of a user or a group; the highest one would mean "leave it as it is" to the system.
func number(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err == nil && n == 1<<32-1 {
		err = errors.New("no id")
	}
	if err != nil {
		return 0, fmt.Errorf("id %q: %w", text, err)
	}
	return int(n), nil
}

// shellOf is the user's shell; where the list of users does not name one, the system's.
func shellOf(name string) string {
	const usual = "/bin/sh"
	file, err := os.Open("/etc/passwd")
	if err != nil {
		return usual
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) == 7 && fields[0] == name && fields[6] != "" {
			return fields[6]
		}
	}
	return usual
}

// permitted says whether an agent that runs as euid can run programs as the user.
func (a *account) permitted(euid int) error {
	if euid == 0 || euid == a.uid {
		return nil
	}
	return bindings.Fail("permission", "user %q: only an agent that runs as root can run programs as another user: "+
		"leave the option out, or run the agent as a service", a.name)
}

// become makes a program start as the user.
func (a *account) become(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	if a != nil && os.Geteuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid), Groups: a.groups}
	}
	return attr
}
