package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/dispatch"
	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/gate"
	"github.com/bunny-lab-io/borealis-agent/agent/identity"
	"github.com/bunny-lab-io/borealis-agent/agent/logs"
	"github.com/bunny-lab-io/borealis-agent/agent/outbox"
	"github.com/bunny-lab-io/borealis-agent/agent/policy"
	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/bunny-lab-io/borealis-agent/agent/service"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/tunnel"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/all"
)

// agent is all parts, met.
type agent struct {
	mode     wire.Mode
	hostname string
	tree     *settings.Tree
	started  time.Time
	logs     *logs.Logs
	level    *slog.LevelVar
	log      *slog.Logger
	engine   *engine.Client
	gate     *gate.Gate
	table    dispatch.Table
	reload   *reload.Reloader
	desk     desk
	outbox   *outbox.Outbox
	unkept   *unkept
	jobs     jobs
	tunnels  *tunnel.Tunnels
	policy   *policy.Current
	allowAll bool // the policy counts for nothing
	unsigned bool // playbooks need no signature
	ready    *ready
	reports  reports       // what roles said of themselves, for heartbeats
	anyRoles bool          // there were files of roles at the start
	changed  chan struct{} // a status worth writing
	users    *users        // in mode SYSTEM: serves the logged-in user; nil elsewhere
	user     *users        // in the user's half of such an agent: where its roles' bindings open
	undo     []func() error

	supervisor service.Notifier // the system's service manager, if that started the agent
}

// assemble opens every part in the order in which they stand on each other. What was opened is closed again when a
// later part fails.
func assemble(ctx context.Context, c *runCmd) (a *agent, err error) {
	a = &agent{mode: c.mode(), started: time.Now(), level: new(slog.LevelVar), allowAll: c.AllowAllGrants, ready: newReady(), changed: make(chan struct{}, 1), supervisor: service.TakeNotifier()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	for _, step := range []func(context.Context, *runCmd) error{
		a.openTree, a.openLogs, a.openUsers, a.openEngine, a.openOutbox, a.openTunnels, a.openGate, a.openPolicy, a.openRoles,
	} {
		if err := step(ctx, c); err != nil {
			return a, err
		}
	}
	return a, nil
}

// close closes the parts, last first.
func (a *agent) close() error {
	var errs []error
	for i := len(a.undo) - 1; i >= 0; i-- {
		errs = append(errs, a.undo[i]())
	}
	a.undo = nil
	return errors.Join(errs...)
}

func (a *agent) openTree(ctx context.Context, c *runCmd) (err error) {
	if a.hostname, err = os.Hostname(); err != nil {
		return err
	}
	if a.tree, err = c.tree(); err != nil {
		return err
	}
	release, err := a.tree.Serve(ctx, string(a.mode))
	if err != nil {
		return err
	}
	a.undo = append(a.undo, func() error { release(); return nil })
	return nil
}

func (a *agent) openLogs(_ context.Context, c *runCmd) (err error) {
	if c.Verbose {
		a.level.Set(slog.LevelDebug)
	}
	var echo io.Writer = os.Stderr
	if c.Quiet {
		echo = nil
	}
	if a.logs, err = logs.Open(logs.Config{Dir: a.tree.Logs(), Echo: echo, Level: a.level}); err != nil {
		return err
	}
	a.undo = append(a.undo, a.logs.Close)
	a.log = a.logs.Logger()
	slog.SetDefault(a.log) // libraries speak there: net/http, of peers that break the rules
	return nil
}

func (a *agent) openUsers(_ context.Context, c *runCmd) (err error) {
	a.users, err = newUsers(a, c)
	return err
}

func (a *agent) openEngine(ctx context.Context, c *runCmd) error {
	url, err := a.tree.ServerURL()
	if err != nil {
		return err
	}
	roots, err := c.roots()
	if err != nil {
		return err
	}
	id, err := a.openIdentity(ctx)
	if err != nil {
		return err
	}
	a.engine, err = engine.New(engine.Config{
		Tree: a.tree, Identity: id, Mode: a.mode, Label: c.Config, Hostname: a.hostname, Version: version,
		ServerURL: url, AllowPlainHTTP: c.PlainHTTP, RootCAs: roots, Fingerprint: c.EnginePrint, TrustOnFirstUse: c.FirstUse, Code: c.code,
		Metrics: a.metrics, Health: a.rolesReported, Renamed: a.change, Log: a.log.With("part", "engine"),
	})
	if err != nil {
		return err
	}
	a.undo = append(a.undo, func() error { a.engine.Close(); return nil })
	return nil
}

func (a *agent) openGate(_ context.Context, c *runCmd) error {
	var err error
	if a.unsigned, err = a.allowsUnsigned(c); err != nil {
		return err
	}
	a.gate = gate.New(gate.Config{
		Hostname: a.hostname, Mode: a.mode, AgentID: a.engine.AgentID, SigningKey: a.engine.SigningKey,
		UserServed: a.userServed, NoUser: a.users.why, Ledger: ledger{a.outbox},
		Now: func() time.Time { return time.Now().Add(a.engine.ClockSkew()) }, Offers: a.tunnels,
		UnsignedPlaybooks: a.unsigned,
	})
	return nil
}

// document is the settings file of this agent's mode, or the one that its flags name.
func (a *agent) document(c *runCmd) (settings.Document, error) {
	return a.tree.Document(cmp.Or(c.Config, string(a.mode)))
}

// allowsUnsigned says whether the operator lets playbooks run that nobody has signed.
func (a *agent) allowsUnsigned(c *runCmd) (bool, error) {
	doc, err := a.document(c)
	if err != nil {
		return false, err
	}
	playbooks, err := doc.Section("playbooks", "allow_unsigned")
	if err != nil {
		return false, err
	}
	allowed, err := playbooks.Flag("allow_unsigned")
	if err == nil && allowed {
		a.log.Warn("playbooks that nobody has signed are run: playbooks.allow_unsigned")
	}
	return allowed, err
}

func (a *agent) openOutbox(context.Context, *runCmd) (err error) {
	path := filepath.Join(a.tree.Settings(), "outbox_"+string(a.mode)+".db")
	if a.outbox, err = outbox.Open(path, outbox.Options{Log: a.log.With("part", "outbox")}); err != nil {
		return err
	}
	a.undo = append(a.undo, a.outbox.Close)
	a.unkept = &unkept{log: a.log, send: a.outbox.Offer}
	return nil
}

func (a *agent) openRoles(_ context.Context, c *runCmd) error {
	worker, err := workerPath()
	if err != nil {
		return err
	}
	dir, err := c.rolesDir(a.tree)
	if err != nil {
		return err
	}
	if err := a.install(dir); err != nil {
		return err
	}
	nursery, err := a.nursery(c, worker)
	if err != nil {
		return err
	}
	a.undo = append(a.undo, func() error { nursery.Close(); return nil })
	roles := role.Config{
		Workers: nursery, Place: a.place, Settings: a.roleSettings, Bindings: a.withTunnels(carried(all.List())), Agent: a, Lost: a.lost, Done: a.handled,
		Allowed: a.policy.Grants, Log: a.roleLog, Limits: role.DefaultLimits(),
	}
	if a.user != nil {
		roles.Open = a.user.open
	}
	a.table.Refused = a.lost
	a.reload = reload.New(reload.Config{
		Dir: dir, Table: &a.table, Log: a.log.With("part", "reload"), Changed: a.change,
		Owned: reload.Owned(), Times: reload.DefaultTimes(),
		History: openHistory(a.tree, a.log).add, Quarantine: quarantine{a.tree.Files(), a.mode},
		Shelf:    shelf{a.tree, a.mode, reload.Owned()},
		Released: func() []string { return takeReleases(a.tree, a.mode) },
		Start: func(ctx context.Context, src role.Source) (*role.Role, error) {
			r, err := role.Start(ctx, roles, src)
			if err == nil {
				a.desk.add(r)
			}
			return r, err
		},
	})
	a.anyRoles = anyRoles(dir)
	a.log.Info("roles", "directory", dir)
	return nil
}

// nursery starts workers; those that cannot be locked down only if the settings do not forbid it.
func (a *agent) nursery(c *runCmd, worker string) (*role.Nursery, error) {
	doc, err := a.document(c)
	if err != nil {
		return nil, err
	}
	strict, err := doc.Flag("require_lockdown")
	switch {
	case err != nil:
		return nil, err
	case strict:
		return role.NewStrictNursery(worker), nil
	}
	return role.NewNursery(worker), nil
}

// carried are the bindings that the core carries out; the pure ones live in the workers.
func carried(list []bindings.Binding) []bindings.Binding {
	var core []bindings.Binding
	for _, b := range list {
		if !b.Pure {
			core = append(core, b)
		}
	}
	return core
}

// place is where this agent's roles run.
func (a *agent) place() bindings.Place {
	p := bindings.Place{
		AgentID: a.engine.AgentID(), Hostname: a.hostname, ServiceMode: a.mode.ServiceMode(), Version: version,
		DataDir: filepath.Join(a.tree.Settings(), "RoleData"), Context: "interactive",
	}
	if a.mode == wire.System {
		p.Context = "system"
	}
	if a.user != nil {
		p.DataDir = a.user.dataDir()
	}
	return p
}

// roleLog is where a role's lines go: into a log of its own, named like the role in lower case, or as upstream has it. A
// file that has no name yet, and a role that took one of the agent's own names, speak in the agent's log.
func (a *agent) roleLog(name string) *slog.Logger {
	service := strings.ToLower(name)
	switch name {
	case "WireGuardTunnel":
		return a.logs.Service(tunnelLog).With("role", name)
	case "RemotePowershell":
		return a.logs.Service("VPN_Tunnel/remote_shell").With("role", name)
	}
	if strings.Contains(service, ".") || slices.Contains([]string{"agent", installLog}, service) {
		return a.log.With("role", name)
	}
	return a.logs.Service(service).With("role", name)
}

func (a *agent) openIdentity(ctx context.Context) (*identity.Identity, error) {
	tokens, err := a.tree.Tokens()
	if err != nil {
		return nil, err
	}
	cfg := identity.Config{
		Store: a.tree.Identity(), Sealer: a.tree.Sealer(), Bound: tokens.Fingerprint,
		Lock: func(ctx context.Context) (func(), error) { return a.tree.Lock(ctx, settings.LockIdentity) },
	}
	for _, folder := range a.tree.OldIdentities() {
		cfg.Old = append(cfg.Old, identity.Place{Store: folder, Private: identity.PrivateFile, Public: identity.PublicFile})
	}
	cfg.Old = append(cfg.Old, identity.Place{Store: a.tree.Files(), Private: "agent_key.ed25519", Public: "agent_key.pub"})
	return identity.Open(ctx, cfg)
}
