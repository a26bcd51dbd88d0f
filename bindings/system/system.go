// Package system is the Lua module system: it measures the machine, and roles decide what becomes of the figures. It
// promises to ask the system's own interfaces (files, firmware tables, the registry) before anything else, to start a
// program only where rpm keeps its database to itself, to say what a value means the same way on every system, and to
// leave a value out rather than to guess it. It changes nothing, and keeps nothing between two calls.
package system

import (
	"context"
	_ "embed"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/shirou/gopsutil/v4/common"
)

// grant is what a role must hold to measure; "system:FUNCTION" narrows it to one function.
const grant = "system"

//go:embed system.lua
var face string

// Binding is the module.
var Binding = bindings.Binding{Name: "system", Face: face, Grant: grant, Open: open}

// machine is what is measured.
type machine struct {
	// root is the directory where the machine's files begin: "/", or that of a recorded machine.
	root string
	// run starts a program and gives its output.
	run func(ctx context.Context, name string, args ...string) ([]byte, error)
	now func() time.Time
}

func open(host bindings.Host) (*bindings.Instance, error) {
	m := machine{root: "/", run: output, now: host.Now}
	return &bindings.Instance{Funcs: map[string]bindings.Func{
		"host":           measured(host, "host", m.host),
		"platform":       measured(host, "platform", m.platform),
		"hardware":       measured(host, "hardware", m.hardware),
		"cpu":            measured(host, "cpu", m.cpu),
		"memory":         measured(host, "memory", m.memory),
		"volumes":        measured(host, "volumes", m.volumes),
		"interfaces":     measured(host, "interfaces", m.interfaces),
		"software":       measured(host, "software", m.software),
		"software_stamp": measured(host, "software_stamp", m.softwareStamp),
		"sessions":       measured(host, "sessions", m.sessions),
		"last_login":     measured(host, "last_login", m.lastLogin),
	}}, nil
}

// measured makes a module's function of a measurement: within the grant, and off the role's other events' way.
func measured[T any](host bindings.Host, name string, measure func(context.Context) (T, error)) bindings.Func {
	return bindings.Func{Waits: true, Do: func(ctx context.Context) (T, error) {
		var none T
		if err := host.Allow(grant, name); err != nil {
			return none, err
		}
		return measure(ctx)
	}}
}

// elsewhere points the inventory library at the machine's files, when they are not this machine's.
func (m machine) elsewhere(ctx context.Context) context.Context {
	if m.root == "/" {
		return ctx
	}
	return context.WithValue(ctx, common.EnvKey, common.EnvMap{
		common.HostProcEnvKey: m.path("proc"), common.HostSysEnvKey: m.path("sys"), common.HostEtcEnvKey: m.path("etc"),
		common.HostVarEnvKey: m.path("var"), common.HostRunEnvKey: m.path("run"), common.HostRootEnvKey: m.root,
	})
}
