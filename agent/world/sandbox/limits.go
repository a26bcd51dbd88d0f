package sandbox

import (
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// Limits bound what one world may do. The zero value is of no use: start from DefaultLimits.
type Limits struct {
	SourceBytes int // size of a file
	Depth       int // how deep blocks and expressions nest
	Nodes       int // tokens, and nodes of the syntax tree, in a file
	Constants   int // different constants and names in one function
	Gotos       int // goto statements and labels in a file

	StringBytes  int   // length of a string that a function makes
	ArrayLen     int   // items up to which table.insert fills a table; at most maxArray
	UnpackLen    int   // values that one function takes apart into
	PatternSteps int64 // items and bytes that one pattern match may look at

	CoroutineDepth int // coroutines that resume each other
	Coroutines     int // coroutines that are not finished
	ProtectedDepth int // pcalls within pcalls
	Frames         int // calls within calls over all threads that wait for each other

	PrintBytes int // length of what one print writes
}

// DefaultLimits are generous for what people write and far below what hurts.
func DefaultLimits() Limits {
	return Limits{
		SourceBytes:    256 << 10,
		Depth:          200, // as the reference: LUAI_MAXCCALLS
		Nodes:          100_000,
		Constants:      8_000,
		Gotos:          200,
		StringBytes:    4 << 20,
		ArrayLen:       maxArray - 1,
		UnpackLen:      8_000, // as the reference: LUAI_MAXCSTACK
		PatternSteps:   50_000_000,
		CoroutineDepth: 32,
		Coroutines:     1_000,
		ProtectedDepth: 100,
		Frames:         1_000,
		PrintBytes:     4 << 10,
	}
}

const (
	// callFrames is how deep functions of one thread call each other: gopher-lua's own default.
	callFrames = 256
	// registrySize must not be less than 128: gopher-lua takes 5,120 instead.
	registrySize = 256
	// registryMax must be more than registrySize, or the registry does not grow at all. It is 512 KiB, which every
	// protected call within another may take.
	registryMax = 32 << 10
	// maxArray is from where on a table keeps its items by key: an item far out in an array makes everything below it.
	maxArray = 1 << 20
)

// Options are for lua.NewState: no libraries, and stacks that grow no further than a role needs.
func Options() lua.Options {
	return lua.Options{
		SkipOpenLibs:     true,
		CallStackSize:    callFrames,
		RegistrySize:     registrySize,
		RegistryMaxSize:  registryMax,
		RegistryGrowStep: 512,
	}
}

// prepare sets what gopher-lua keeps for the whole process. MaxArrayIndex makes t[5e7] = 1 an entry instead of 0.9 GiB
// of nil. CompatVarArg off leaves Lua 5.0's table "arg" out of functions with "...": making it costs memory at each
// call. Both must be set before anything is compiled and stay as they are, so everything here begins with it.
var prepare = sync.OnceFunc(func() {
	lua.MaxArrayIndex = maxArray
	lua.CompatVarArg = false
})
