// Package pattern matches Lua 5.1 patterns. It promises that a match costs no stack, whatever pattern and subject
// are: choices are kept per item of the pattern, never per byte of the subject; that every match ends within a budget
// of steps; and that the caller can stop one that runs. Unlike the reference it reads a pattern whole before matching,
// so a malformed one is refused even where the match would have failed before reaching the fault. It is not for
// regular expressions, and knows nothing of Lua states.
package pattern

import "errors"

const (
	// MaxCaptures is how many captures one pattern may hold, as in Lua 5.1 (LUA_MAXCAPTURES).
	MaxCaptures = 32
	// MaxBytes is how long a pattern may be. Patterns are written by people; a longer one is data in the wrong place.
	MaxBytes = 64 << 10
)

// What Compile finds wrong with a pattern, in the words of Lua 5.1 where it has any.
var (
	ErrTooLong    = errors.New("pattern too long")
	ErrEndsEscape = errors.New("malformed pattern (ends with '%')")
	ErrBracket    = errors.New("malformed pattern (missing ']')")
	ErrFrontier   = errors.New("missing '[' after '%f' in pattern")
	ErrBalance    = errors.New("unbalanced pattern")
	ErrCapture    = errors.New("invalid pattern capture")
	ErrUnfinished = errors.New("unfinished capture")
	ErrCaptures   = errors.New("too many captures")
	ErrIndex      = errors.New("invalid capture index")
)

// ErrBudget ends a match that took all of its steps.
var ErrBudget = errors.New("pattern too complex for its subject")

// Pattern is a compiled pattern. It does not change, and may be used by many at once.
type Pattern struct {
	items    []item
	captures []bool // one for each capture: is it a position?
	anchored bool
}

// op says what an item of a pattern asks for.
type op uint8

const (
	opChar     op = iota // the byte a
	opAny                // any byte
	opClass              // a byte of the class %a
	opSet                // a byte of the set
	opOpen               // capture a begins here
	opClose              // capture a ends here
	opPosition           // capture a is this position
	opBalance            // %b: from a to the b that balances it
	opFrontier           // %f: the byte before is not of the set, the byte here is
	opBackref            // the text of capture a once more
	opEnd                // the end of the subject
)

// item is one step of a pattern. Only the first four ops may repeat.
type item struct {
	op     op
	repeat byte // '?', '*', '+', '-', or 0 for exactly once
	a, b   byte
	set    *set
}

// matches says whether an item that takes one byte takes this one.
func (it *item) matches(c byte) bool {
	switch it.op {
	case opChar:
		return it.a == c
	case opAny:
		return true
	case opClass:
		return inClass(c, it.a)
	default:
		return it.set.has(c)
	}
}

// Anchored says whether the pattern begins with '^': it matches only where the search begins.
func (p *Pattern) Anchored() bool { return p.anchored }

// Captures is how many captures the pattern has.
func (p *Pattern) Captures() int { return len(p.captures) }
