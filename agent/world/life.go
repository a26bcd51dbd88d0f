package world

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	lua "github.com/yuin/gopher-lua"
)

// Event runs the role's handlers of one event, in the order in which they were registered. A handler that fails does
// not keep the next from running; the first failure is returned.
func (w *World) Event(ctx context.Context, p place, h contract.Happening) error {
	return w.run(ctx, p, func(L *lua.LState) error {
		defer w.patience(L, h.Name)()
		data, err := payload(h)
		if err != nil {
			return err
		}
		return w.handlersOf(L, h.Name, data)
	})
}

// patience ends what runs on L when the longest time that a handler of the event asked for is over; what is no event has
// the usual time.
func (w *World) patience(L *lua.LState, event string) (stop func() bool) {
	within := w.limits.Within
	for i, handler := range w.handlers[event] {
		if i == 0 || handler.within > within {
			within = handler.within
		}
	}
	s := stintOf(L)
	return time.AfterFunc(within, func() { s.cancel(fmt.Errorf("%w: %v", ErrLate, within)) }).Stop
}

func (w *World) handlersOf(L *lua.LState, event string, data any) error {
	var first error
	for _, handler := range w.handlers[event] {
		if _, err := call(L, handler.run, w.toLua(L, data)); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// payload is an event's data with the fields that JSON cannot carry.
func payload(h contract.Happening) (any, error) {
	var data any
	if len(h.Data) > 0 {
		if err := json.Unmarshal(h.Data, &data); err != nil {
			return nil, fmt.Errorf("event %q: %w", h.Name, err)
		}
	}
	if len(h.Bytes) == 0 {
		return data, nil
	}
	object, ok := data.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("event %q: bytes without an object to put them in", h.Name)
	}
	for name, b := range h.Bytes {
		object[name] = string(b)
	}
	return object, nil
}

// Config runs on_config with the whole list of role configurations.
func (w *World) Config(ctx context.Context, p place, roles []byte) error {
	return w.run(ctx, p, func(L *lua.LState) error {
		defer w.patience(L, "")()
		var list any
		if err := json.Unmarshal(roles, &list); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
		_, err := w.method(L, "on_config", w.toLua(L, list))
		return err
	})
}

// Stop runs stop_all.
func (w *World) Stop(ctx context.Context, p place) error {
	return w.run(ctx, p, func(L *lua.LState) error {
		defer w.patience(L, "")()
		_, err := w.method(L, "stop_all")
		return err
	})
}

// State runs save_state; nil when the role has none to save.
func (w *World) State(ctx context.Context, p place) (state any, err error) {
	err = w.run(ctx, p, func(L *lua.LState) error {
		value, err := w.method(L, "save_state")
		if err != nil {
			return err
		}
		state, err = w.toPlain(value, plainOnly)
		return err
	})
	return state, err
}

// Health runs health_report. A role without one is healthy as long as it answers.
func (w *World) Health(ctx context.Context, p place) (report contract.Report, err error) {
	report.Status = "healthy"
	err = w.run(ctx, p, func(L *lua.LState) error {
		value, err := w.method(L, "health_report")
		switch v := value.(type) {
		case lua.LString:
			report.Status = string(v)
		case *lua.LTable:
			report.Status = lua.LVAsString(v.RawGetString("status"))
			report.Detail = lua.LVAsString(v.RawGetString("detail"))
		}
		return err
	})
	return report, err
}

// Callback runs a function that a binding holds, or forgets it.
func (w *World) Callback(ctx context.Context, p place, inv contract.Invocation) error {
	return w.run(ctx, p, func(L *lua.LState) error {
		defer w.patience(L, "")()
		fn, ok := w.funcs[inv.Func]
		switch {
		case inv.Release:
			delete(w.funcs, inv.Func)
			w.origins.Delete(inv.Func)
			return nil
		case !ok:
			return bindings.Fail("closed", "function %d is released", inv.Func)
		}
		args := make([]lua.LValue, len(inv.Args))
		for i, arg := range inv.Args {
			args[i] = w.toLua(L, arg)
		}
		_, err := call(L, fn, args...)
		return err
	})
}
