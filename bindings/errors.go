package bindings

import (
	"context"
	"errors"
	"fmt"
)

// ErrUnsupported is returned by Open, or by a function, for what this machine cannot do.
var ErrUnsupported = Fail("unsupported", "not supported on this machine")

// Error is the world saying no: the role receives nil, Message and Code.
type Error struct {
	// Code is one short stable word that a role may compare.
	Code string
	// Message is for people.
	Message string
	// Err is the cause, for errors.Is; it does not travel to the role.
	Err error
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fail makes an Error from a format, which may wrap a cause with %w.
func Fail(code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Misuse is the author's mistake: the role's call raises Message at the caller's line.
type Misuse struct{ Message string }

func (m *Misuse) Error() string { return m.Message }

func misuse(format string, args ...any) *Misuse {
	return &Misuse{Message: fmt.Sprintf(format, args...)}
}

// Misused makes a Misuse from a format, for what only the binding itself can see to be the author's mistake.
func Misused(format string, args ...any) *Misuse { return misuse(format, args...) }

// classify gives every error one of the two shapes that roles can meet.
func classify(err error) error {
	var failed *Error
	var wrong *Misuse
	switch {
	case errors.As(err, &wrong):
		return wrong
	case errors.As(err, &failed):
		if failed.Error() == err.Error() {
			return failed
		}
		return &Error{Code: failed.Code, Message: err.Error(), Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: "timeout", Message: err.Error(), Err: err}
	case errors.Is(err, context.Canceled):
		return &Error{Code: "cancelled", Message: err.Error(), Err: err}
	}
	return &Error{Code: "failed", Message: err.Error(), Err: err}
}
