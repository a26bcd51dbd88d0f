package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/bunny-lab-io/borealis-agent/agent/service"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// serviceCmd is the agent's life as a service of the operating system.
type serviceCmd struct {
	Install   serviceInstallCmd   `cmd:"" help:"Put the agent in its place, let it start with the machine, and see it work. Repeat it to upgrade."`
	Uninstall serviceUninstallCmd `cmd:"" help:"Stop the agent and take away all that the installation brought."`
	Start     serviceStartCmd     `cmd:"" help:"Start the service, and see it work."`
	Stop      serviceStopCmd      `cmd:"" help:"Stop the service until it is started, or the machine is."`
	Restart   serviceRestartCmd   `cmd:"" help:"Stop and start the service, and see it work."`
	Status    serviceStatusCmd    `cmd:"" help:"Show how the service is. The exit status is 1 when its agent does not answer."`
	Run       serviceRunCmd       `cmd:"" hidden:"" help:"Run as the service: the operating system starts this."`
}

// OfService is the flags of all commands of a service.
type OfService struct {
	User bool   `help:"The service of the user who calls (mode CURRENTUSER, from his login on) instead of the machine's (mode SYSTEM)."`
	Home string `placeholder:"DIR" help:"The agent's runtime tree; the system's usual place for it by default (docs/service.md)."`
}

func (c OfService) mode() wire.Mode {
	if c.User {
		return wire.CurrentUser
	}
	return wire.System
}

// service names the service; what it runs is the installation's to add.
func (c OfService) service() service.Service {
	return service.Service{Name: serviceName, Title: "Borealis endpoint agent", User: c.User}
}

// home is the runtime tree with every link resolved, so that nobody can point it elsewhere later.
func (c OfService) home() (string, error) {
	home := c.Home
	if home == "" {
		var err error
		if home, err = dataFolder(c.User); err != nil {
			return "", err
		}
	}
	return resolved(home)
}

// resolved follows the links of as much of a path as exists.
func resolved(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(path) == path {
		return real, err
	}
	above, err := resolved(filepath.Dir(path))
	return filepath.Join(above, filepath.Base(path)), err
}

// tree opens the tree of a service that is installed.
func (c OfService) tree() (*settings.Tree, error) {
	home, err := c.home()
	if err != nil {
		return nil, err
	}
	return InHome{home}.tree()
}

// serviceRunCmd is what the system starts.
type serviceRunCmd struct {
	Agent runCmd `embed:""`
}

// Run runs the agent under the system's service manager.
func (c *serviceRunCmd) Run() error {
	s := OfService{User: c.Agent.mode() != wire.System}.service()
	return service.Run(context.Background(), s, func(ctx context.Context) error {
		dir, err := programsDir()
		if err != nil {
			return err
		}
		if err := settleReplacement(dir); err != nil {
			return err
		}
		return c.Agent.serve(ctx)
	})
}
