// Package pure is the list of the bindings that run inside a role's own process. It is apart from bindings/all so that
// a worker links nothing of the others. It decides nothing: a binding says of itself that it is pure, and the
// conformance test in bindings/all holds both lists to it.
package pure

import (
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/crypto"
	"github.com/bunny-lab-io/borealis-agent/bindings/engine"
	"github.com/bunny-lab-io/borealis-agent/bindings/json"
	"github.com/bunny-lab-io/borealis-agent/bindings/log"
	"github.com/bunny-lab-io/borealis-agent/bindings/lua"
	"github.com/bunny-lab-io/borealis-agent/bindings/settings"
	"github.com/bunny-lab-io/borealis-agent/bindings/timer"
)

// List is every pure binding.
func List() []bindings.Binding {
	return []bindings.Binding{
		crypto.Binding,
		json.Binding,
	}
}

// Fake is every binding that a worker has itself while it runs a role's tests: on a fake host, each of them needs
// nothing of the machine, and links next to nothing.
func Fake() []bindings.Binding {
	return []bindings.Binding{
		engine.Binding,
		log.Binding,
		lua.Binding,
		settings.Binding,
		timer.Binding,
	}
}
