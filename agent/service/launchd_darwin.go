package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// definition is where the property list lies.
func (s Service) definition() (string, error) {
	if !s.User {
		return filepath.Join("/Library/LaunchDaemons", s.Name+".plist"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, "Library", "LaunchAgents", s.Name+".plist"), nil
}

// domain is where launchd keeps the service.
func (s Service) domain() string {
	if s.User {
		return "gui/" + strconv.Itoa(os.Getuid())
	}
	return "system"
}

func (s Service) target() string { return s.domain() + "/" + s.Name }

// Install defines the service and lets it start by itself from the next boot or login on; it does not start it. It says
// whether anything changed that counts only once the service is started anew.
func (s Service) Install(ctx context.Context) (changed bool, err error) {
	text, err := s.plist()
	if err != nil {
		return false, err
	}
	if changed, err = s.define(text); err != nil {
		return false, err
	}
	_, err = command(ctx, "launchctl", "enable", s.target())
	return changed, err
}

// Uninstall stops the service and forgets it. One that is not there is no error.
func (s Service) Uninstall(ctx context.Context) error {
	path, err := s.definition()
	if err != nil {
		return err
	}
	if err := s.unload(ctx); err != nil {
		return err
	}
	return removeFile(path)
}

// unload ends the service: one that launchd keeps alive cannot be stopped otherwise.
func (s Service) unload(ctx context.Context) error {
	if state, err := s.State(ctx); err != nil || state.Says == notLoaded {
		return err
	}
	_, err := command(ctx, "launchctl", "bootout", s.target())
	return err
}

// Start starts the service. One that runs is left alone.
func (s Service) Start(ctx context.Context) error {
	state, err := s.State(ctx)
	switch {
	case err != nil:
		return err
	case !state.Installed:
		return ErrAbsent
	case state.Says != notLoaded:
		_, err := command(ctx, "launchctl", "kickstart", s.target())
		return err
	}
	path, err := s.definition()
	if err != nil {
		return err
	}
	_, err = command(ctx, "launchctl", "bootstrap", s.domain(), path)
	return err
}

// Stop stops the service, until it is started or the machine is.
func (s Service) Stop(ctx context.Context) error {
	if state, err := s.State(ctx); err != nil || !state.Installed {
		return errors.Join(err, ErrAbsent)
	}
	return s.unload(ctx)
}

// Restart stops and starts the service, with its definition read anew.
func (s Service) Restart(ctx context.Context) error {
	if err := s.Stop(ctx); err != nil {
		return err
	}
	return s.Start(ctx)
}

const notLoaded = "not loaded"

var printedPID = regexp.MustCompile(`(?m)^\s*pid = (\d+)`)

// State asks launchd.
func (s Service) State(ctx context.Context) (State, error) {
	path, err := s.definition()
	if err != nil {
		return State{}, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return State{Says: notLoaded}, nil
	} else if err != nil {
		return State{}, err
	}
	state := State{Installed: true, Enabled: true, Says: notLoaded}
	out, err := command(ctx, "launchctl", "print", s.target())
	if err != nil {
		return state, nil // it fails for what is not loaded
	}
	state.Says = "loaded"
	if found := printedPID.FindStringSubmatch(out); found != nil {
		state.PID, err = strconv.Atoi(found[1])
		state.Running, state.Says = true, fmt.Sprintf("runs as process %d", state.PID)
	}
	return state, err
}
