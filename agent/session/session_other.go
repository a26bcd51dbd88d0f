//go:build !linux && !windows

package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

// console is the device that belongs to whoever sits before the machine.
const console = "/dev/console"

const every = 2 * time.Second

type source struct {
	hints chan struct{}
	every time.Duration
}

func (m Machine) open(context.Context) (*source, error) { return &source{every: every}, nil }

func (s *source) close() {}

// sessions knows one session at most, that of the console's owner.
func (s *source) sessions(context.Context) ([]Session, error) {
	info, err := os.Stat(console)
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return nil, nil
	}
	u, err := user.LookupId(strconv.FormatUint(uint64(stat.Uid), 10))
	if err != nil {
		return nil, fmt.Errorf("owner of %s: %w", console, err)
	}
	return []Session{{ID: "console", UID: stat.Uid, User: u.Username, Type: "aqua", Seat: "console", Active: true}}, nil
}

// Login says what a process of the session must be given.
func (m Machine) Login(s Session) (Login, error) {
	u, err := user.LookupId(strconv.FormatUint(uint64(s.UID), 10))
	if err != nil {
		return Login{}, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil || s.UID == 0 {
		return Login{}, errors.Join(fmt.Errorf("session %q has no login of its own", s.ID), err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		return Login{}, err
	}
	l := Login{UID: s.UID, GID: uint32(gid), Home: u.HomeDir, Env: []string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + u.HomeDir, "USER=" + s.User, "LOGNAME=" + s.User,
	}}
	for _, g := range groups {
		n, err := strconv.ParseUint(g, 10, 32)
		if err != nil {
			return Login{}, fmt.Errorf("group %q: %w", g, err)
		}
		l.Groups = append(l.Groups, uint32(n))
	}
	return l, nil
}

// Environment says nothing here: the console's session has no variables of its own.
func (m Machine) Environment(Session) map[string]string { return map[string]string{} }

// Placed is true here.
func Placed(map[string]string, Session) bool { return true }
