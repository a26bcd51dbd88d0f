// Package all is the list of the bindings that an agent has: a new one is a line here. Its test holds every binding to
// the same promises, above all that its face says what its Go does. It is not for a worker, which links only
// bindings/pure.
package all

import (
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/crypto"
	"github.com/bunny-lab-io/borealis-agent/bindings/desktop"
	"github.com/bunny-lab-io/borealis-agent/bindings/engine"
	"github.com/bunny-lab-io/borealis-agent/bindings/fs"
	"github.com/bunny-lab-io/borealis-agent/bindings/http"
	"github.com/bunny-lab-io/borealis-agent/bindings/input"
	"github.com/bunny-lab-io/borealis-agent/bindings/json"
	"github.com/bunny-lab-io/borealis-agent/bindings/log"
	"github.com/bunny-lab-io/borealis-agent/bindings/lua"
	"github.com/bunny-lab-io/borealis-agent/bindings/process"
	"github.com/bunny-lab-io/borealis-agent/bindings/rdp"
	"github.com/bunny-lab-io/borealis-agent/bindings/screenshot"
	"github.com/bunny-lab-io/borealis-agent/bindings/settings"
	"github.com/bunny-lab-io/borealis-agent/bindings/store"
	"github.com/bunny-lab-io/borealis-agent/bindings/system"
	"github.com/bunny-lab-io/borealis-agent/bindings/timer"
	"github.com/bunny-lab-io/borealis-agent/bindings/tunnel"
	"github.com/bunny-lab-io/borealis-agent/bindings/x509"
)

// List is every binding.
func List() []bindings.Binding {
	return []bindings.Binding{
		crypto.Binding,
		desktop.Binding,
		engine.Binding,
		fs.Binding,
		http.Binding,
		input.Binding,
		json.Binding,
		log.Binding,
		lua.Binding,
		process.Binding,
		rdp.Binding,
		screenshot.Binding,
		settings.Binding,
		store.New(),
		system.Binding,
		timer.Binding,
		tunnel.New(nil), // the agent itself has the device
		x509.Binding,
	}
}
