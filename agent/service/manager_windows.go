package service

import "context"

// manager is what carries out a service here: the service manager for the machine, a logon task for a user.
type manager interface {
	install(ctx context.Context) (changed bool, err error)
	uninstall(ctx context.Context) error
	state(ctx context.Context) (State, error)
}

func (s Service) manager() manager {
	if s.User {
		return logonTask{s}
	}
	return scm{s}
}

// Install defines the service and lets it start by itself from the next boot or login on; it does not start it. It says
// whether anything changed that counts only once the service is started anew.
func (s Service) Install(ctx context.Context) (changed bool, err error) {
	if err := s.check(); err != nil {
		return false, err
	}
	return s.manager().install(ctx)
}

// Uninstall stops the service and forgets it. One that is not there is no error.
func (s Service) Uninstall(ctx context.Context) error { return s.manager().uninstall(ctx) }

// Start starts the service. One that runs is left alone.
func (s Service) Start(ctx context.Context) error {
	if s.User {
		_, err := schtasks(ctx, "/Run", "/TN", s.Name)
		return err
	}
	return scm{s}.start(ctx)
}

// Stop stops the service, until it is started or the machine is. The process of a logon task is ended, not asked.
func (s Service) Stop(ctx context.Context) error {
	if s.User {
		_, err := schtasks(ctx, "/End", "/TN", s.Name)
		return err
	}
	return scm{s}.stop(ctx)
}

// Restart stops and starts the service.
func (s Service) Restart(ctx context.Context) error {
	if err := s.Stop(ctx); err != nil {
		return err
	}
	return s.Start(ctx)
}

// State asks the system.
func (s Service) State(ctx context.Context) (State, error) { return s.manager().state(ctx) }
