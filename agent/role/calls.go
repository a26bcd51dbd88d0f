package role

import (
	"context"
	"errors"
	"fmt"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// handle takes the calls of the worker. A worker is not trusted: what it says is checked by the bindings themselves,
// against the role's grants, at the moment of the call.
func (r *Role) handle(ctx context.Context, c ipc.Call) func() (any, error) {
	switch c.Name {
	case contract.Do:
		var call bindings.Call
		if err := c.Decode(&call); err != nil {
			return func() (any, error) { return nil, err }
		}
		return func() (any, error) { return r.do(ctx, call) }
	case contract.Print:
		var line string
		err := c.Decode(&line)
		return func() (any, error) { r.print(line); return nil, err }
	}
	return func() (any, error) {
		return nil, &ipc.Failure{Code: "unknown", Message: "no call " + c.Name, Misuse: true}
	}
}

// print is where the role's print leads: into its log, unless somebody wants it.
func (r *Role) print(line string) {
	if r.cfg.Print != nil {
		r.cfg.Print(line)
		return
	}
	r.said.Info(line)
}

// do carries out one call of a binding.
func (r *Role) do(ctx context.Context, call bindings.Call) (any, error) {
	if !r.ready.Load() {
		return nil, &ipc.Failure{Code: "not_loaded", Message: "no bindings yet"}
	}
	if !r.calls.take(1) {
		return nil, &ipc.Failure{Code: "limit", Message: fmt.Sprintf("more than %d calls in a second", r.cfg.Limits.Calls)}
	}
	for i, arg := range call.Args {
		if ref, ok := arg.(contract.FuncRef); ok {
			call.Args[i] = &callback{role: r, id: ref.ID}
		}
	}
	result, err := r.set.Call(ctx, call)
	if denied(err) { // what an operator looks for when a role does not do what it should
		r.log.Warn("denied", "call", call.Module+"."+call.Func, "reason", err)
	}
	return result, contract.Failure(err)
}

func denied(err error) bool {
	var failed *bindings.Error
	return errors.As(err, &failed) && failed.Code == "denied"
}

// callback is a Lua function of the role, held by a binding.
type callback struct {
	role *Role
	id   uint64
}

var _ bindings.Callback = (*callback)(nil)

// Call runs the function in the worker. What the function does wrong is in the role's log, like any handler's.
func (c *callback) Call(ctx context.Context, args ...any) error {
	plain, err := bindings.PlainArgs(args)
	if err != nil {
		return err
	}
	if err := c.role.ticks.pass(ctx); err != nil {
		return err
	}
	err = c.role.peer.Call(ctx, contract.Callback, contract.Invocation{Func: c.id, Args: plain}, nil)
	if err != nil && !errors.Is(err, ipc.ErrClosed) && ctx.Err() == nil {
		c.role.counts.note(err)
		c.role.log.Error("callback failed", "error", err)
	}
	return err
}

// Release lets the worker forget the function; a worker that is gone has forgotten. It does not wait: a binding may
// let go while the role holds its baton.
func (c *callback) Release() {
	_ = c.role.peer.Notify(c.role.ctx, contract.Callback, contract.Invocation{Func: c.id, Release: true})
}
