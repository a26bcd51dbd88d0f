package session

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	systemBus = "unix:path=/run/dbus/system_bus_socket"
	runUtmp   = "/run/utmp"

	logindEvery = 10 * time.Second // its signals say the rest
	utmpEvery   = 2 * time.Second  // it has none
)

// source is where the sessions are read from: logind, or utmp where there is none.
type source struct {
	bus   *dbus.Conn // nil without logind
	utmp  string
	hints hints
	every time.Duration
}

func (m Machine) open(ctx context.Context) (*source, error) {
	address, utmp := m.Bus, m.Utmp
	if address == "" {
		address = systemBus
	}
	if utmp == "" {
		utmp = runUtmp
	}
	bus, signals, err := dialLogind(ctx, address)
	switch {
	case err == nil:
		return &source{bus: bus, hints: signals, every: logindEvery}, nil
	case noLogind(err):
		return &source{utmp: utmp, every: utmpEvery}, nil
	}
	return nil, err
}

// noLogind tells a machine without logind from one whose logind cannot be asked now.
func noLogind(err error) bool {
	var op *net.OpError
	var said dbus.Error
	if errors.As(err, &said) {
		return said.Name == "org.freedesktop.DBus.Error.ServiceUnknown" ||
			said.Name == "org.freedesktop.DBus.Error.Spawn.ServiceNotFound"
	}
	return errors.Is(err, fs.ErrNotExist) || errors.As(err, &op) && errors.Is(op, syscall.ECONNREFUSED)
}

func (s *source) sessions(ctx context.Context) ([]Session, error) {
	if s.bus == nil {
		return readUtmp(s.utmp)
	}
	ctx, cancel := context.WithTimeout(ctx, askLogind)
	defer cancel()
	return listLogind(ctx, s.bus)
}

func (s *source) close() {
	if s.bus != nil {
		_ = s.bus.Close() // nothing is under way on it
	}
}
