package contract

import (
	"errors"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// Failure gives a binding's refusal the shape in which it travels.
func Failure(err error) error {
	var wrong *bindings.Misuse
	var failed *bindings.Error
	switch {
	case errors.As(err, &wrong):
		return &ipc.Failure{Message: wrong.Message, Misuse: true}
	case errors.As(err, &failed):
		return &ipc.Failure{Code: failed.Code, Message: failed.Message}
	}
	return err
}

// Refusal gives what travelled as a Failure back the shape that it has for bindings.
func Refusal(err error) error {
	var said *ipc.Failure
	switch {
	case !errors.As(err, &said):
		return err
	case said.Misuse:
		return &bindings.Misuse{Message: said.Message}
	}
	return &bindings.Error{Code: said.Code, Message: said.Message, Err: err}
}
