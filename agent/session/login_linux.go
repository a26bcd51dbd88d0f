package session

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
)

// errRoot is what nothing may talk the agent out of.
var errRoot = errors.New("a user's job never runs as root")

// Login says what a process of the session must be given. The groups are those of the system's lists; a user whom
// they do not know, since a directory does, has those that the system gave to the session's own processes.
func (m Machine) Login(s Session) (Login, error) {
	if s.UID == 0 {
		return Login{}, fmt.Errorf("session %q: %w", s.ID, errRoot)
	}
	l, err := listed(s.UID)
	var unknown user.UnknownUserIdError
	if errors.As(err, &unknown) {
		l, err = m.observed(s)
	}
	if err != nil {
		return Login{}, fmt.Errorf("session %q of %q: %w", s.ID, s.User, err)
	}
	l.UID, l.Env = s.UID, s.environment(l.Home)
	return l, nil
}

func listed(uid uint32) (Login, error) {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return Login{}, err
	}
	names, err := u.GroupIds()
	if err != nil {
		return Login{}, err
	}
	l := Login{Home: u.HomeDir}
	for _, name := range append(names, u.Gid) {
		gid, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			return Login{}, fmt.Errorf("group %q: %w", name, err)
		}
		l.GID = uint32(gid) // the last, which is the user's own
		l.Groups = append(l.Groups, l.GID)
	}
	slices.Sort(l.Groups)
	l.Groups = slices.Compact(l.Groups)
	return l, nil
}

// observed reads the ids from a process that logind has put into the session.
func (m Machine) observed(s Session) (Login, error) {
	for p := range processes(m.proc(), s.UID) {
		if p.within(s) {
			return Login{GID: p.gid, Groups: p.groups}, nil
		}
	}
	return Login{}, errors.New("the system's lists do not know the user, and no process of the session is there to tell the groups")
}

func (m Machine) proc() string {
	if m.Proc != "" {
		return m.Proc
	}
	return procFS
}

// environment is what is known of a session's variables without asking its own programs.
func (s Session) environment(home string) []string {
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin", "USER=" + s.User, "LOGNAME=" + s.User}
	for name, value := range map[string]string{"HOME": home, "DISPLAY": s.Display, "XDG_SESSION_TYPE": s.Type} {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	slices.Sort(env)
	return env
}
