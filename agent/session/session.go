// Package session knows who is logged in on this machine: the users' login sessions, which of them a user's job belongs
// to, and when that changes. It promises that a session of root, of the system itself or of a greeter is never one of
// them, that nothing a user can write decides whose session it is, and that no question asked of the machine makes the
// agent read a user's memory: what a session's own programs know is read by Environment, which is for a process of
// that user only. It starts nothing; the session host does, in agent/session/host.
package session

import (
	"context"
	"log/slog"
	"time"
)

// Session is one user's presence on the machine.
type Session struct {
	// ID is the system's own: logind's, the number of a terminal session on Windows, else the terminal's name.
	ID   string
	UID  uint32 // 0 on Windows
	User string
	// Type is "x11", "wayland", "mir", "tty" or what else the system calls it; "" when it says nothing.
	Type string
	// Seat is "" for a session that nobody sits before at this machine.
	Seat, TTY, Display string
	// Leader is the process that the session began with; 0 when that is not known.
	Leader int
	// Active means that its user sees it now. A locked one is active too.
	Active, Remote, Locked bool
	Since                  time.Time
}

// Graphical says whether the session has a screen.
func (s Session) Graphical() bool { return s.Type == "x11" || s.Type == "wayland" || s.Type == "mir" }

// Same says whether two are the same presence: an ID alone is used again after a restart, or by another user.
func (s Session) Same(other Session) bool {
	return s.ID == other.ID && s.UID == other.UID && s.User == other.User && s.Since.Equal(other.Since)
}

// Choose picks the session that jobs for the user run in: one that its user sees before one that he switched away from,
// before the machine rather than from afar, with a screen rather than without. Among equals the one called now stays;
// else the youngest is taken. It reports false when nobody is logged in.
func Choose(all []Session, now Session) (Session, bool) {
	if len(all) == 0 {
		return Session{}, false
	}
	best := all[0]
	for _, s := range all[1:] {
		if s.better(best, now) {
			best = s
		}
	}
	return best, true
}

func (s Session) better(best, now Session) bool {
	switch a, b := s.rank(), best.rank(); {
	case a != b:
		return a > b
	case s.Same(now) || best.Same(now):
		return s.Same(now)
	case !s.Since.Equal(best.Since):
		return s.Since.After(best.Since)
	}
	return s.ID < best.ID
}

// rank also counts a session that is not seen: some lock a screen by switching away from it.
func (s Session) rank() int {
	rank := 0
	if s.Active {
		rank += 4
	}
	if s.Seat != "" {
		rank += 2
	}
	if s.Graphical() {
		rank++
	}
	return rank
}

// Login is what a process must be given to be one of a session's own.
type Login struct {
	UID, GID uint32
	Groups   []uint32 // the supplementary ones
	Home     string   // "" when it is not known
	Env      []string
}

// Machine says where the system tells of its sessions. The zero value is this machine's own places.
type Machine struct {
	Bus  string // address of the system's D-Bus; Linux only, as are the others
	Utmp string // asked when there is no logind
	Proc string
	Log  *slog.Logger
}

// Sessions lists the sessions that there are now.
func (m Machine) Sessions(ctx context.Context) ([]Session, error) {
	src, err := m.open(ctx)
	if err != nil {
		return nil, err
	}
	defer src.close()
	return src.sessions(ctx)
}
