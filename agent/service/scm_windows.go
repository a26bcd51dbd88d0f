package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

// statePause is between two looks at a service that changes its state.
const statePause = 50 * time.Millisecond

// scm is a service of Windows' service manager.
type scm struct{ Service }

// open opens the service; ErrAbsent says that there is none.
func (s scm) open() (m *mgr.Mgr, h *mgr.Service, err error) {
	if m, err = mgr.Connect(); err != nil {
		return nil, nil, fmt.Errorf("service manager: %w", err)
	}
	if h, err = m.OpenService(s.Name); err == nil {
		return m, h, nil
	}
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return m, nil, ErrAbsent
	}
	return nil, nil, errors.Join(fmt.Errorf("service %q: %w", s.Name, err), m.Disconnect())
}

// with does something with the service as it is.
func (s scm) with(do func(*mgr.Service) error) error {
	m, h, err := s.open()
	if m != nil {
		defer m.Disconnect()
	}
	if err != nil {
		return err
	}
	defer h.Close()
	return do(h)
}

// commandLine is what the service manager runs.
func (s scm) commandLine() string {
	words := []string{argument(s.Program)}
	for _, word := range s.Args {
		words = append(words, argument(word))
	}
	return strings.Join(words, " ")
}

func (s scm) config() mgr.Config {
	return mgr.Config{
		ServiceType: windows.SERVICE_WIN32_OWN_PROCESS, StartType: mgr.StartAutomatic, ErrorControl: mgr.ErrorNormal,
		BinaryPathName: s.commandLine(), DisplayName: s.Title, Description: s.Title, DelayedAutoStart: true,
	}
}

// install does not know what was there: not every system tells how a service is configured.
func (s scm) install(context.Context) (changed bool, err error) {
	m, h, err := s.open()
	if m != nil {
		defer m.Disconnect()
	}
	switch {
	case errors.Is(err, ErrAbsent):
		if h, err = m.CreateService(s.Name, s.Program, s.config(), s.Args...); err != nil {
			return false, fmt.Errorf("create service %q: %w", s.Name, err)
		}
		changed = true
	case err != nil:
		return false, err
	default:
		before, unknown := h.Config()
		changed = unknown != nil || before.BinaryPathName != s.commandLine()
		// A level that the system does not know comes after all that matters.
		if err := h.UpdateConfig(s.config()); err != nil && !errors.Is(err, windows.ERROR_INVALID_LEVEL) {
			return false, errors.Join(fmt.Errorf("configure service %q: %w", s.Name, err), h.Close())
		}
	}
	defer h.Close()
	return changed, errors.Join(recovery(h), s.register())
}

// recovery has the service started again after each failure, be it a crash or an end that it reports itself.
func recovery(h *mgr.Service) error {
	again := []mgr.RecoveryAction{
		{Type: mgr.ServiceRestart, Delay: restartAfter},
		{Type: mgr.ServiceRestart, Delay: 10 * restartAfter},
		{Type: mgr.ServiceRestart, Delay: time.Minute},
	}
	if err := h.SetRecoveryActions(again, uint32(restartsSpan.Seconds())); err != nil {
		return fmt.Errorf("recovery actions: %w", err)
	}
	err := h.SetRecoveryActionsOnNonCrashFailures(true)
	if err != nil && !errors.Is(err, windows.ERROR_INVALID_LEVEL) { // not every system knows it
		return fmt.Errorf("recovery actions: %w", err)
	}
	return nil
}

// register makes the service known to the event log.
func (s scm) register() error {
	err := eventlog.InstallAsEventCreate(s.Name, eventlog.Info|eventlog.Warning|eventlog.Error)
	if err != nil && strings.Contains(err.Error(), "exists") { // eventlog has no other name for it
		return nil
	}
	return err
}

func (s scm) uninstall(ctx context.Context) error {
	err := s.with(func(h *mgr.Service) error {
		if err := s.halt(ctx, h); err != nil {
			return err
		}
		if err := h.Delete(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
			return fmt.Errorf("delete service %q: %w", s.Name, err)
		}
		return nil
	})
	if errors.Is(err, ErrAbsent) {
		err = nil
	}
	if gone := eventlog.Remove(s.Name); gone != nil && !errors.Is(gone, windows.ERROR_FILE_NOT_FOUND) {
		err = errors.Join(err, gone)
	}
	return err
}

func (s scm) start(ctx context.Context) error {
	return s.with(func(h *mgr.Service) error {
		if err := h.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return fmt.Errorf("start service %q: %w", s.Name, err)
		}
		return s.await(ctx, h, svc.Running, startWithin)
	})
}

func (s scm) stop(ctx context.Context) error {
	return s.with(func(h *mgr.Service) error { return s.halt(ctx, h) })
}

// halt asks the service to end and waits for it. One that has ended is left alone.
func (s scm) halt(ctx context.Context, h *mgr.Service) error {
	_, err := h.Control(svc.Stop)
	if err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) && !errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL) {
		return fmt.Errorf("stop service %q: %w", s.Name, err)
	}
	return s.await(ctx, h, svc.Stopped, stopWithin)
}

// await waits until the service is in a state. A service that stopped instead does not come to it any more.
func (s scm) await(ctx context.Context, h *mgr.Service, want svc.State, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		is, err := h.Query()
		switch {
		case err != nil:
			return fmt.Errorf("service %q: %w", s.Name, err)
		case is.State == want:
			return nil
		case is.State == svc.Stopped:
			return fmt.Errorf("service %q: stopped, exit code %d", s.Name, is.Win32ExitCode)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("service %q: %s: %w", s.Name, stateWord(is.State), ctx.Err())
		case <-time.After(statePause):
		}
	}
}

func (s scm) state(context.Context) (state State, err error) {
	err = s.with(func(h *mgr.Service) error {
		is, err := h.Query()
		if err != nil {
			return err
		}
		state = State{Installed: true, Enabled: true, Running: is.State == svc.Running, PID: int(is.ProcessId), Says: stateWord(is.State)}
		if c, err := h.Config(); err == nil { // not every system tells
			state.Enabled = c.StartType == mgr.StartAutomatic
		}
		return nil
	})
	if errors.Is(err, ErrAbsent) {
		return State{}, nil
	}
	return state, err
}

func stateWord(s svc.State) string {
	switch s {
	case svc.Stopped:
		return "stopped"
	case svc.StartPending:
		return "starting"
	case svc.StopPending:
		return "stopping"
	case svc.Running:
		return "running"
	}
	return fmt.Sprintf("state %d", s)
}
