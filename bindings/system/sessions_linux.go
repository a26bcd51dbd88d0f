package system

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
)

// sessions asks logind's files, and where there is no logind, utmp. A machine with neither has no sessions.
func (m machine) sessions(context.Context) ([]session, error) {
	all := []session{}
	if m.exists("run/systemd/sessions") {
		for _, file := range m.glob("run/systemd/sessions/*") {
			text, err := os.ReadFile(file)
			if err != nil { // it ended, or is the pipe beside the file
				continue
			}
			if s, ok := parseLogind(string(text)); ok {
				all = append(all, s)
			}
		}
		return all, nil
	}
	text, err := m.read("run/utmp")
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	logins, pids := utmpOf(runtime.GOARCH).parse(text)
	for i, s := range logins {
		if m.exists("proc", strconv.Itoa(pids[i])) { // else it ended without a word
			all = append(all, s)
		}
	}
	return all, nil
}

// lastLogin is the last that wtmp tells of; nil where nobody has logged in, or nobody keeps count.
func (m machine) lastLogin(context.Context) (*login, error) {
	layout := utmpOf(runtime.GOARCH)
	text, err := m.tail("var/log/wtmp", layout.size)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("last login: %w", err)
	}
	logins, _ := layout.parse(text)
	if len(logins) == 0 {
		return nil, nil
	}
	last := logins[len(logins)-1]
	return &login{User: last.User, At: last.Since}, nil
}

// tailRecords is how much of a wtmp is looked through: the file grows for as long as nobody turns it.
const tailRecords = 16384

// tail gives the last records, of a size, of a file of them.
func (m machine) tail(name string, size int) ([]byte, error) {
	f, err := os.Open(m.path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	records := info.Size() / int64(size)
	begin := max(records-tailRecords, 0) * int64(size)
	text := make([]byte, records*int64(size)-begin)
	n, err := f.ReadAt(text, begin)
	if n == len(text) {
		err = nil
	}
	return text[:n], err
}
