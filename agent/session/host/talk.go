package host

import (
	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// Calls of the core.
const (
	callEnter = "enter" // session.Session -> entered: be in the session
	callOpen  = "open"  // opening -> modules
	callDo    = "do"    // doing -> any
	callCount = "count" // set -> inventory
	callShut  = "shut"  // set -> nothing
)

// Calls of the host.
const (
	callAllow = "allow" // asking -> nothing, or the denial
	callRun   = "run"   // running -> nothing: a callback
	callSay   = "say"   // saying -> nothing: a line of the role's log
)

// entered is the host as it is in its session.
type entered struct {
	DataDir string `cbor:"1,keyasint"` // for what roles keep; the user's own, "" without a home
}

// opening opens bindings for one role, under a number by which the core names them from then on.
type opening struct {
	Set    uint64         `cbor:"1,keyasint"`
	Names  []string       `cbor:"2,keyasint"`
	Grants []string       `cbor:"3,keyasint"`
	Place  bindings.Place `cbor:"4,keyasint"`
}

type doing struct {
	Set  uint64        `cbor:"1,keyasint"`
	Call bindings.Call `cbor:"2,keyasint"`
}

// inventory is what a role has open.
type inventory struct {
	Open map[string]int `cbor:"1,keyasint"` // by type
	Left []string       `cbor:"2,keyasint"` // for people
}

type asking struct {
	Set   uint64 `cbor:"1,keyasint"`
	Grant string `cbor:"2,keyasint"`
	Thing string `cbor:"3,keyasint"`
}

type running struct {
	Set        uint64              `cbor:"1,keyasint"`
	Invocation contract.Invocation `cbor:"2,keyasint"`
}

type saying struct {
	Set   uint64 `cbor:"1,keyasint"`
	Level int    `cbor:"2,keyasint"`
	Text  string `cbor:"3,keyasint"`
}
