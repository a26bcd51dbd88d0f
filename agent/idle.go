package main

import (
	"context"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// errIdle is what a role meets that wants something of the machine while it is only checked.
var errIdle = bindings.Fail("unavailable", "nothing is carried out while a role is checked")

// nothing is the agent of a role that is only checked.
type nothing struct{}

// Emit drops what the role says.
func (nothing) Emit(wire.Result) error { return nil }

// Request refuses.
func (nothing) Request(context.Context, string, any, any) error { return errIdle }

// touchless are the bindings that need nothing of the machine: they may do what they do.
func touchless() []string { return []string{"log", "settings", "timer", "x509"} }

// idle gives bindings that look like those of the list and carry out nothing. None of them is opened, since opening
// may clean up what an earlier agent left: the names of the functions come from the faces.
func idle(list []bindings.Binding) []bindings.Binding {
	var out []bindings.Binding
	for _, b := range list {
		if !slices.Contains(touchless(), b.Name) {
			funcs := idleFuncs(b)
			b.Open = func(bindings.Host) (*bindings.Instance, error) { return &bindings.Instance{Funcs: funcs}, nil }
		}
		out = append(out, b)
	}
	return out
}

var (
	faceFunc  = regexp.MustCompile(`^function (\w+)\.(\w+)\(`)
	faceParam = regexp.MustCompile(`^---@param \w+\??\s+(.*)`)
)

// idleFuncs reads a face, whose functions, parameters and waits are proved to be those of its Go.
func idleFuncs(b bindings.Binding) map[string]bindings.Func {
	funcs, waits, params := map[string]bindings.Func{}, false, []string(nil)
	for line := range strings.Lines(b.Face) {
		if strings.HasPrefix(line, "---@async") {
			waits = true
		}
		if m := faceParam.FindStringSubmatch(line); m != nil {
			params = append(params, m[1])
		}
		if strings.HasPrefix(line, "---") {
			continue
		}
		if m := faceFunc.FindStringSubmatch(line); m != nil && m[1] == b.Name {
			funcs[m[2]] = bindings.Func{Waits: waits, Do: refusing(params)}
		}
		waits, params = false, nil
	}
	return funcs
}

// refusing makes a function of a binding that takes what its face says, and answers errIdle.
func refusing(params []string) any {
	in := []reflect.Type{reflect.TypeFor[context.Context]()}
	for _, p := range params {
		if strings.HasPrefix(p, "fun(") {
			in = append(in, reflect.TypeFor[*bindings.Callback]())
		} else {
			in = append(in, reflect.TypeFor[any]())
		}
	}
	out := []reflect.Type{reflect.TypeFor[any](), reflect.TypeFor[error]()}
	return reflect.MakeFunc(reflect.FuncOf(in, out, false), func(args []reflect.Value) []reflect.Value {
		for _, arg := range args {
			if c, ok := arg.Interface().(*bindings.Callback); ok && c != nil {
				(*c).Release()
			}
		}
		return []reflect.Value{reflect.Zero(out[0]), reflect.ValueOf(errIdle)}
	}).Interface()
}
