package rdp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

const service = "TermService"

// startTypes are the ways in which a service comes to run.
func startTypes() map[string]uint32 {
	return map[string]uint32{
		"automatic": mgr.StartAutomatic, "manual": mgr.StartManual, "disabled": mgr.StartDisabled,
	}
}

// withService opens the service with the rights that are asked for, and no more.
func withService(rights uint32, f func(*mgr.Service) error) error {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer windows.CloseServiceHandle(manager)
	name, err := windows.UTF16PtrFromString(service)
	if err != nil {
		return err
	}
	h, err := windows.OpenService(manager, name, rights)
	if err != nil {
		return fmt.Errorf("service %q: %w", service, err)
	}
	s := &mgr.Service{Name: service, Handle: h}
	defer s.Close()
	return f(s)
}

// serviceState says how the service is started, and whether it runs; "" and nil where there is no such service.
func serviceState() (start string, running *bool, err error) {
	err = withService(windows.SERVICE_QUERY_CONFIG|windows.SERVICE_QUERY_STATUS, func(s *mgr.Service) error {
		status, err := s.Query()
		if err != nil {
			return fmt.Errorf("service %q: %w", service, err)
		}
		up := status.State == svc.Running
		running = &up
		if config, err := s.Config(); err == nil {
			for name, kind := range startTypes() {
				if kind == config.StartType {
					start = name
				}
			}
		}
		return nil
	})
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return "", nil, nil
	}
	return start, running, err
}

// setStart changes how the service is started, and nothing else of it.
func setStart(start string) error {
	kind, known := startTypes()[start]
	if !known {
		return bindings.Misused("option start: %q is none of automatic, manual, disabled", start)
	}
	return withService(windows.SERVICE_CHANGE_CONFIG, func(s *mgr.Service) error {
		const keep = windows.SERVICE_NO_CHANGE
		if err := windows.ChangeServiceConfig(s.Handle, keep, kind, keep, nil, nil, nil, nil, nil, nil, nil); err != nil {
			return fmt.Errorf("service %q: %w", service, err)
		}
		return nil
	})
}

// lookAgain is how often a service that is on its way is asked where it is.
const lookAgain = 100 * time.Millisecond

// setRunning starts or stops the service, and waits until it has happened.
func setRunning(ctx context.Context, on bool) error {
	wanted, rights := svc.Stopped, uint32(windows.SERVICE_STOP)
	if on {
		wanted, rights = svc.Running, windows.SERVICE_START
	}
	return withService(rights|windows.SERVICE_QUERY_STATUS, func(s *mgr.Service) error {
		var err error
		if on {
			err = s.Start()
		} else {
			_, err = s.Control(svc.Stop)
		}
		if err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
			return fmt.Errorf("service %q: %w", service, err)
		}
		return await(ctx, s, wanted)
	})
}

func await(ctx context.Context, s *mgr.Service, wanted svc.State) error {
	for {
		status, err := s.Query()
		if err != nil {
			return fmt.Errorf("service %q: %w", service, err)
		}
		if status.State == wanted {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("service %q: %w", service, context.Cause(ctx))
		case <-time.After(lookAgain):
		}
	}
}
