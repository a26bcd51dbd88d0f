// Package bindings is the contract between a Go primitive and the roles that call it from Lua: a Binding is a
// value that names its functions, each an ordinary Go function, and the package carries plain values to and from
// them. It promises that a mistake of the caller is told apart from a failure of the world, that no unknown option
// is swallowed, and that what a binding opened is closed with its role. It knows no Lua state and no Engine.
package bindings

import (
	"context"
	"log/slog"
	"time"
)

// Binding is one Lua module, as a value.
type Binding struct {
	// Name is the Lua module.
	Name string
	// Face is its LuaCATS file: types and manual in one.
	Face string
	// Pure bindings run in the role's own process: they touch no machine.
	Pure bool
	// Core bindings are carried out by the core for every role, also for one whose others are carried out as a user:
	// they speak for the device, or need nothing of the machine.
	Core bool
	// Grant is what a role must be granted to use the module; "" is harmless.
	Grant string
	// Handles are the kinds of things that live on after a call returned.
	Handles []HandleType
	// Open makes the module for one role. ErrUnsupported means: not on this machine.
	Open func(Host) (*Instance, error)
}

// Instance is a binding opened for one role.
type Instance struct {
	Funcs map[string]Func
	// Values are constants of the module, as plain values.
	Values map[string]any
	// Close ends what the functions started; nil when there is nothing to end.
	Close func() error
}

// Func is one function of a module, or one method of a handle.
type Func struct {
	// Waits says that the call may take long: the role's other events run meanwhile.
	Waits bool
	// Do is an ordinary Go function:
	//
	//	func(ctx context.Context, [arguments], [options struct]) ([result], error)
	//
	// with at most two arguments before the options. A method's first argument is the handle's value. Arguments
	// may be bool, string, []byte, numbers, time.Duration (seconds in Lua), slices, maps with string keys, any,
	// Callback, a handle's value type, or a pointer to one of them when it may be left out. Options and results
	// are structs whose fields carry a `lua:"name"` tag; an option's default stands in its `default` tag.
	Do any
}

// HandleType is a kind of thing that the core keeps while the role holds its number. Besides its own methods every
// handle has close(), which lets go of it.
type HandleType struct {
	// Name is the LuaCATS class, for example "process.Child".
	Name    string
	Methods map[string]Func
}

// Handle is what a function returns so that its value lives on under the role's name. A Value that is an
// io.Closer is closed when the role lets go of it or ends.
type Handle struct {
	Type  string
	Value any
}

// Finisher is a handle's Value that can tell when nothing is left of it to use or to close, as a timer that has
// fired. Such a handle no longer counts as open, and may be forgotten. Finished must not block.
type Finisher interface{ Finished() bool }

// Callback is a Lua function given to a binding, which owns it from then on, whether its own call fails or not.
type Callback interface {
	// Call runs the function as an event of its role and returns when it has ended.
	Call(ctx context.Context, args ...any) error
	// Release lets the role forget the function; Call must not follow.
	Release()
}

// Host is all that a binding may ask of the agent.
type Host interface {
	// Log is the role's log.
	Log() *slog.Logger
	// Now is the host's clock; AfterFunc runs f on its own goroutine once d has passed on that clock.
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)
	// Place says where the role runs.
	Place() Place
	// Allow reports whether the role's grant covers one thing: a program, a host name, a path.
	Allow(grant, thing string) error
	// Emit hands a result to the outbox, which keeps it until the Engine has it.
	Emit(event string, data any) error
	// Request posts to the Engine as the device.
	Request(ctx context.Context, path string, in, out any) error
}

// Place says where and as what a role runs; roles meet it as self.ctx.
type Place struct {
	AgentID     string `lua:"agent_id"`
	Hostname    string `lua:"hostname"`
	Context     string `lua:"context"`      // "system" or "interactive"
	ServiceMode string `lua:"service_mode"` // "system" or "currentuser"
	DataDir     string `lua:"data_dir"`
	Version     string `lua:"version"`

	// Settings is what the operator set for the role. Roles meet it through the binding settings, since it may change.
	Settings map[string]any
}
