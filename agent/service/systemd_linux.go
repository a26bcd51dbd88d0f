package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// definition is where the unit lies.
func (s Service) definition() (string, error) {
	dir := "/etc/systemd/system"
	if s.User {
		config, err := os.UserConfigDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(config, "systemd", "user")
	}
	return filepath.Join(dir, s.Name+".service"), nil
}

func (s Service) systemctl(ctx context.Context, args ...string) (string, error) {
	args = append([]string{"--no-ask-password"}, args...)
	if s.User {
		args = append([]string{"--user"}, args...)
	}
	return command(ctx, "systemctl", args...)
}

// Install defines the service and lets it start by itself from the next boot or login on; it does not start it. It says
// whether anything changed that counts only once the service is started anew.
func (s Service) Install(ctx context.Context) (changed bool, err error) {
	text, err := s.unit()
	if err != nil {
		return false, err
	}
	if changed, err = s.define(text); err != nil {
		return false, err
	}
	if _, err := s.systemctl(ctx, "daemon-reload"); err != nil {
		return changed, err
	}
	_, err = s.systemctl(ctx, "enable", s.Name+".service")
	return changed, err
}

// Uninstall stops the service and forgets it. One that is not there is no error.
func (s Service) Uninstall(ctx context.Context) error {
	path, err := s.definition()
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil {
		if _, err := s.systemctl(ctx, "disable", "--now", s.Name+".service"); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := removeFile(path); err != nil {
		return err
	}
	if _, err := s.systemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	_, _ = s.systemctl(ctx, "reset-failed", s.Name+".service") // fails when there is nothing to forget
	return nil
}

// Start starts the service and waits until it says that it is ready. A service that runs is left alone.
func (s Service) Start(ctx context.Context) error { return s.change(ctx, "start") }

// Stop stops the service, until it is started or the machine is.
func (s Service) Stop(ctx context.Context) error { return s.change(ctx, "stop") }

// Restart stops and starts the service.
func (s Service) Restart(ctx context.Context) error { return s.change(ctx, "restart") }

func (s Service) change(ctx context.Context, verb string) error {
	if state, err := s.State(ctx); err != nil || !state.Installed {
		return errors.Join(err, absent(state))
	}
	_, _ = s.systemctl(ctx, "reset-failed", s.Name+".service") // the operator's word counts more than the limits
	_, err := s.systemctl(ctx, verb, s.Name+".service")
	return err
}

func absent(state State) error {
	if state.Installed {
		return nil
	}
	return ErrAbsent
}

// State asks systemd.
func (s Service) State(ctx context.Context) (State, error) {
	out, err := s.systemctl(ctx, "show", "--property=LoadState,UnitFileState,ActiveState,SubState,MainPID,NRestarts,Result", s.Name+".service")
	if err != nil {
		return State{}, err
	}
	return stateOf(out), nil
}

// stateOf reads the properties that systemctl shows.
func stateOf(out string) State {
	p := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		p[key] = value
	}
	state := State{
		Installed: p["LoadState"] == "loaded", Enabled: p["UnitFileState"] == "enabled", Running: p["ActiveState"] == "active",
		Says: fmt.Sprintf("%s (%s), last result %s", p["ActiveState"], p["SubState"], p["Result"]),
	}
	state.PID, _ = strconv.Atoi(p["MainPID"])
	state.Restarts, _ = strconv.Atoi(p["NRestarts"])
	return state
}
