package system

import (
	"context"
	"fmt"
	"time"

	"github.com/shirou/gopsutil/v4/host"
)

func (m machine) sessions(ctx context.Context) ([]session, error) {
	users, err := host.UsersWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	all := []session{}
	for _, u := range users {
		since := time.Unix(int64(u.Started), 0)
		all = append(all, session{User: u.User, Terminal: u.Terminal, From: u.Host, Since: &since, Active: true})
	}
	return all, nil
}

// lastLogin is not asked: macOS keeps its past logins behind interfaces that need cgo.
func (m machine) lastLogin(context.Context) (*login, error) { return nil, nil }
