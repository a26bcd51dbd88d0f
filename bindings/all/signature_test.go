package all

import (
	"context"
	"fmt"
	"reflect"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

var (
	anyType      = reflect.TypeFor[any]()
	callbackType = reflect.TypeFor[bindings.Callback]()
	handleType   = reflect.TypeFor[bindings.Handle]()
)

// closing stands for the close that every handle has.
func closing(context.Context, any) error { return nil }

// signature is what a role sees of a Go function.
type signature struct {
	args   []reflect.Type
	result reflect.Type // bool when Go only says whether it went well
	fails  bool         // for certain
}

// signatureOf takes a Go function apart, and says what the contract does not allow in it.
func signatureOf(do any, isMethod bool) (signature, error) {
	t := reflect.TypeOf(do)
	first := 1
	if isMethod {
		first = 2
	}
	switch {
	case t.Kind() != reflect.Func || t.NumIn() < first || t.In(0) != reflect.TypeFor[context.Context]():
		return signature{}, fmt.Errorf("%s does not begin with a context and, for a method, the handle's value", t)
	case t.NumOut() < 1 || t.NumOut() > 2 || t.Out(t.NumOut()-1) != reflect.TypeFor[error]():
		return signature{}, fmt.Errorf("%s does not return an error, or a result and an error", t)
	}
	s := signature{result: reflect.TypeFor[bool](), fails: isMethod} // a method's handle may be closed
	if t.NumOut() == 2 {
		s.result = t.Out(0)
		s.fails = s.fails || s.result == handleType // which may be one too many
	}
	for i := first; i < t.NumIn(); i++ {
		s.args = append(s.args, t.In(i))
	}
	return s, s.check(t)
}

// check holds the order of arguments to: at most two, then options, then a function.
func (s signature) check(t reflect.Type) error {
	positional, last := 0, 0
	for _, arg := range s.args {
		rank := 1
		switch {
		case isOptions(arg):
			rank = 2
		case arg == callbackType || arg == reflect.PointerTo(callbackType):
			rank = 3
		default:
			positional++
		}
		if rank < last || rank == last && rank > 1 || positional > 2 {
			return fmt.Errorf("%s: at most two arguments, then one options table, then a function", t)
		}
		last = rank
	}
	return nil
}

func isOptions(t reflect.Type) bool { return t.Kind() == reflect.Struct && t != handleType }
