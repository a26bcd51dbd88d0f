package service

import (
	"context"
	"errors"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
)

// Event ids of the event log; EventCreate.exe, which renders them, knows those up to 1000.
const (
	eventStarts = 1
	eventEnded  = 2
	eventFailed = 3
)

// Run carries out the service until the system ends it or serve returns; it is to be called only in a process that the
// service manager, or a logon task, started. Starts, ends and failures go into the event log.
func Run(ctx context.Context, s Service, serve func(context.Context) error) error {
	if s.User {
		freeConsole()
		return serve(ctx)
	}
	h := &handler{name: s.Name, ctx: ctx, serve: serve}
	return errors.Join(svc.Run(s.Name, h), h.err)
}

// freeConsole lets go of the window that a program of the console gets at a logon.
func freeConsole() {
	_, _, _ = windows.NewLazySystemDLL("kernel32.dll").NewProc("FreeConsole").Call() // without a console there is nothing to free
}

// handler is what the service manager speaks with.
type handler struct {
	name  string
	ctx   context.Context // Execute's signature is svc's
	serve func(context.Context) error
	err   error
}

// Execute is svc.Handler's.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, tell chan<- svc.Status) (specific bool, code uint32) {
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- h.serve(ctx) }()
	running := svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	tell <- running
	h.event(eventStarts, nil)
	for {
		select {
		case h.err = <-ended:
			return h.over(ctx)
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				tell <- running
			case svc.Stop, svc.Shutdown:
				running = svc.Status{State: svc.StopPending, WaitHint: uint32(stopWithin.Milliseconds())}
				tell <- running
				cancel()
			}
		}
	}
}

// over is the service's exit code. An end that nobody asked for is a failure, after which the system starts it again.
func (h *handler) over(ctx context.Context) (specific bool, code uint32) {
	if h.err == nil && ctx.Err() != nil {
		h.event(eventEnded, nil)
		return false, uint32(windows.NO_ERROR)
	}
	if h.err == nil {
		h.err = errors.New("ended by itself")
	}
	h.event(eventFailed, h.err)
	return true, 1
}

// event writes into the event log, as far as it takes it: the service has a log of its own.
func (h *handler) event(id uint32, err error) {
	log, opened := eventlog.Open(h.name)
	if opened != nil {
		return
	}
	defer log.Close()
	switch {
	case err != nil:
		_ = log.Error(id, h.name+": "+err.Error())
	case id == eventStarts:
		_ = log.Info(id, h.name+": the service starts")
	default:
		_ = log.Info(id, h.name+": the service ended")
	}
}
