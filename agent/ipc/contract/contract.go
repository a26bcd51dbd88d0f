// Package contract is what the core and a worker say to each other over agent/ipc: the names of the calls and
// their arguments. The core calls the world's life forward (inspect, load, event, ... stop); the world calls the
// core's bindings. It promises nothing by itself; a worker is never trusted with what it says.
package contract

import (
	"reflect"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// Calls of the core.
const (
	Inspect  = "inspect"  // Source -> Manifest: parse, run nothing
	Requires = "requires" // Source -> list of names: the helpers that a helper asks for in its turn
	Load     = "load"     // Setup -> Loaded: run the file, Role.new and register_events
	Event    = "event"    // Happening -> nothing: run the handlers of one event
	Config   = "config"   // Roles -> nothing: run on_config
	Callback = "callback" // Invocation -> nothing: run one function that a binding holds
	Stop     = "stop"     // nothing -> nothing: run stop_all
	State    = "state"    // nothing -> State: run save_state
	Health   = "health"   // nothing -> Report: run health_report; answering at all is health too
)

// Calls of the world.
const (
	Do      = "do"      // bindings.Call -> any
	Release = "release" // Released -> nothing: the world let go of a handle
	Print   = "print"   // Line -> nothing: print, into the role's log
)

// RequireLockdown is an argument of a worker: with it, one that cannot lock itself down ends before it reads a byte.
const RequireLockdown = "--require-lockdown"

// Source is a role's file: the very bytes that the core has checked.
type Source struct {
	File string `cbor:"1,keyasint"`
	Text []byte `cbor:"2,keyasint"`
}

// Manifest is what stands in a role's file as literals.
type Manifest struct {
	Name     string   `cbor:"1,keyasint"`
	Contexts []string `cbor:"2,keyasint"`
	Grants   []string `cbor:"3,keyasint"`
	// Requires names the helpers of lib/ that the file asks for.
	Requires []string `cbor:"4,keyasint"`
	// Problems are all that is wrong with the file, each as "file:line: text". The rest may be empty then.
	Problems []string `cbor:"5,keyasint"`
	// Missing is what of its lockdown the worker could not get on this machine.
	Missing []string `cbor:"6,keyasint"`
}

// Setup is all that a world needs to come to life.
type Setup struct {
	Source  Source            `cbor:"1,keyasint"`
	Libs    []Source          `cbor:"2,keyasint"`
	Place   bindings.Place    `cbor:"3,keyasint"`
	Modules []bindings.Module `cbor:"4,keyasint"`
	Grants  []string          `cbor:"5,keyasint"`
	State   any               `cbor:"6,keyasint"`
}

// Loaded says what the role asked for, or why it cannot serve.
type Loaded struct {
	Events   []string `cbor:"1,keyasint"`
	Problems []string `cbor:"2,keyasint"`
	// AtOnce is how many of an event may be under way at a time, where the role said so.
	AtOnce map[string]int `cbor:"3,keyasint"`
}

// Happening is one event for the role's handlers.
type Happening struct {
	Name  string            `cbor:"1,keyasint"`
	Data  []byte            `cbor:"2,keyasint"` // JSON, as the gate admitted it
	Bytes map[string][]byte `cbor:"3,keyasint"`
}

// Invocation runs the function that the world gave to a binding under this number.
type Invocation struct {
	Func    uint64 `cbor:"1,keyasint"`
	Args    []any  `cbor:"2,keyasint"`
	Release bool   `cbor:"3,keyasint"` // instead of running it: the binding has let go of it
}

// FuncRef stands for a Lua function among a call's arguments.
type FuncRef struct {
	ID uint64 `cbor:"1,keyasint"`
}

// Report is a role's own word on its health.
type Report struct {
	Status string `cbor:"1,keyasint"`
	Detail string `cbor:"2,keyasint"`
}

// Numbers of the private range under which our own types travel.
const (
	tagRef  = 60001
	tagFunc = 60002
)

// Codec is the codec of both sides.
func Codec() (ipc.Codec, error) {
	return ipc.NewCodec(map[uint64]reflect.Type{
		tagRef:  reflect.TypeFor[bindings.Ref](),
		tagFunc: reflect.TypeFor[FuncRef](),
	})
}
