//go:build !linux && !windows && !darwin

package service

import "context"

// Install is not known here.
func (Service) Install(context.Context) (changed bool, err error) { return false, ErrUnsupported }

// Uninstall is not known here.
func (Service) Uninstall(context.Context) error { return ErrUnsupported }

// Start is not known here.
func (Service) Start(context.Context) error { return ErrUnsupported }

// Stop is not known here.
func (Service) Stop(context.Context) error { return ErrUnsupported }

// Restart is not known here.
func (Service) Restart(context.Context) error { return ErrUnsupported }

// State is not known here.
func (Service) State(context.Context) (State, error) { return State{}, ErrUnsupported }
