package session

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// every is how often Windows is asked: its own messages about sessions go to a service's control handler only.
const every = 2 * time.Second

type source struct {
	hints chan struct{}
	every time.Duration
}

func (m Machine) open(context.Context) (*source, error) { return &source{every: every}, nil }

func (s *source) close() {}

// sessions lists the terminal sessions that somebody is logged in to. Session 0 is the services' own.
func (s *source) sessions(context.Context) ([]Session, error) {
	var first *windows.WTS_SESSION_INFO
	var count uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &first, &count); err != nil {
		return nil, fmt.Errorf("terminal sessions: %w", err)
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(first)))
	console := windows.WTSGetActiveConsoleSessionId()
	var all []Session
	for _, info := range unsafe.Slice(first, count) {
		if info.SessionID == 0 {
			continue
		}
		if s, ok := loggedIn(info, info.SessionID == console); ok {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Session) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// loggedIn reads one terminal session, and reports false when nobody is logged in to it. What it says beyond the user
// is left out where the system cannot tell.
func loggedIn(info windows.WTS_SESSION_INFO, console bool) (Session, bool) {
	user := userOf(info.SessionID)
	if user == "" {
		return Session{}, false
	}
	s := Session{
		ID: strconv.FormatUint(uint64(info.SessionID), 10), User: user, Type: "windows",
		TTY: windows.UTF16PtrToString(info.WindowStationName), Active: info.State == windows.WTSActive, Remote: !console,
	}
	if console {
		s.Seat = "console"
	}
	if about, err := infoOf(info.SessionID); err == nil {
		s.Locked, s.Since = about.flags == sessionLocked, filetime(about.logon)
	}
	return s, true
}

// Login says nothing on Windows: the session's number stands for the user's token, which has all of it.
func (m Machine) Login(Session) (Login, error) { return Login{}, nil }

// Environment says nothing on Windows: the user's token brings it.
func (m Machine) Environment(Session) map[string]string { return map[string]string{} }

// Placed is true on Windows, where a session has its screen from the beginning.
func Placed(map[string]string, Session) bool { return true }
