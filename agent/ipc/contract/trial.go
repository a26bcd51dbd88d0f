package contract

import (
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// TrialMode is the argument that makes a worker run a role's tests instead of serving the role.
const TrialMode = "--trial"

// Calls of the core to a worker in trial mode, besides Inspect.
const (
	Suite = "suite" // Trial -> list of names: read the role and its tests
	Test  = "test"  // Case -> Outcome: run one test
)

// DoAt is how such a worker asks the core for what it cannot do itself: Dated -> any.
const DoAt = "do_at"

// Trial is a role with its tests.
type Trial struct {
	Role  Source   `cbor:"1,keyasint"`
	Tests Source   `cbor:"2,keyasint"`
	Libs  []Source `cbor:"3,keyasint"`
	// Modules are those that the worker does not have itself.
	Modules []bindings.Module `cbor:"4,keyasint"`
	// Carried are the names of those of Modules that the core carries out; the others must be stubbed.
	Carried []string `cbor:"5,keyasint"`
}

// Case is one test, with the data directory that its role is told of.
type Case struct {
	Name    string `cbor:"1,keyasint"`
	DataDir string `cbor:"2,keyasint"`
}

// Outcome is how a test ended.
type Outcome struct {
	// Problem is what does not hold, as "file:line: text"; "" when the test passed.
	Problem string `cbor:"1,keyasint"`
	// Printed are the lines that the role printed.
	Printed []string `cbor:"2,keyasint"`
}

// Dated is a call with the time on the clock of the test.
type Dated struct {
	Call bindings.Call `cbor:"1,keyasint"`
	Now  time.Time     `cbor:"2,keyasint"`
}
