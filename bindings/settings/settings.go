// Package settings is the Lua module settings: what the operator of the machine has set for a role. It promises that a
// role sees its own settings only, and sees each change without being reloaded. It is not for writing them, nor for
// secrets: they lie in a file beside the agent's other settings.
package settings

import (
	"context"
	_ "embed"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

//go:embed settings.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{Name: "settings", Face: face, Open: open}

func open(host bindings.Host) (*bindings.Instance, error) {
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"get": {Do: func(_ context.Context, name string) (any, error) { return host.Place().Settings[name], nil }},
	}}, nil
}
