package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

type runCmd struct {
	SystemService  bool   `help:"Serve the machine (mode SYSTEM, context system) instead of the user who runs the agent."`
	Config         string `placeholder:"SUFFIX" help:"Suffix of the settings file and context label of all calls; SYSTEM or CURRENTUSER by default."`
	EnrollmentCode string `placeholder:"CODE" env:"BOREALIS_ENROLLMENT_CODE" xor:"code" help:"The code to enroll with, while the device is not enrolled. CODE@sha256:FINGERPRINT brings --engine-fingerprint along."`
	InstallerCode  string `placeholder:"CODE" env:"BOREALIS_INSTALLER_CODE" xor:"code" help:"The same under its older name."`
	Home           string `placeholder:"DIR" help:"The runtime tree; BOREALIS_ROOT by default."`
	Roles          string `placeholder:"DIR" help:"The watched directory of roles; HOME/Roles by default. Seeded with the shipped roles when it does not exist."`
	EngineCA       string `name:"engine-ca" placeholder:"FILE" help:"PEM of the roots to trust until the Engine's own bundle is pinned; the system's roots by default."`
	EnginePrint    string `name:"engine-fingerprint" placeholder:"SHA256" env:"BOREALIS_ENGINE_FINGERPRINT" help:"Trust the Engine by the SHA-256 of its certificate, or of the root above it, until its own bundle is pinned. Comes before --engine-ca."`
	FirstUse       bool   `name:"trust-on-first-use" help:"Trust whoever answers first, once, as stock agents do. Somebody in between at that moment stays there."`
	AllowAllGrants bool   `help:"Give every role what its file declares, whatever the policy says. For demonstrations."`
	PlainHTTP      bool   `name:"allow-plain-http" help:"Speak http:// to an Engine on this very machine. Refused for any other."`
	Verbose        bool   `short:"v" help:"Log what is worth knowing only when something is wrong."`
	Quiet          bool   `short:"q" help:"Log to the files only, not to the terminal."`
}

func (c *runCmd) Help() string {
	return `Examples:
  borealis-agent run --system-service --home /opt/borealis --engine-ca engine-root.pem --enrollment-code CODE
  borealis-agent run --system-service --home /opt/borealis --enrollment-code CODE@sha256:FINGERPRINT
  BOREALIS_SERVER_URL=https://engine.example.org:5000 borealis-agent run

The Engine's address comes from BOREALIS_SERVER_URL, or from Agent/Borealis/Settings/server_url.txt below HOME.
SIGTERM and Ctrl-C end the agent and all that it started.`
}

// Run runs the agent until it is told to end.
func (c *runCmd) Run() error { return c.serve(context.Background()) }

// serve is Run, ended by ctx too.
func (c *runCmd) serve(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	// What is started from here has no use for the code.
	for _, name := range []string{"BOREALIS_ENROLLMENT_CODE", "BOREALIS_INSTALLER_CODE"} {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	a, err := assemble(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(a.run(ctx), a.close())
}

// mode is the service mode: the flag, or upstream's environment variable.
func (c *runCmd) mode() wire.Mode {
	if c.SystemService || strings.EqualFold(os.Getenv("BOREALIS_AGENT_MODE"), "system") {
		return wire.System
	}
	return wire.CurrentUser
}

func (c *runCmd) code() string {
	if c.EnrollmentCode != "" {
		return c.EnrollmentCode
	}
	return c.InstallerCode
}

// roots reads the file of --engine-ca.
func (c *runCmd) roots() ([]byte, error) {
	if c.EngineCA == "" {
		return nil, nil
	}
	return os.ReadFile(c.EngineCA)
}

func (c *runCmd) tree() (*settings.Tree, error) {
	root, err := settings.Root(c.Home, os.Getenv)
	if err != nil {
		return nil, err
	}
	return settings.Open(root)
}

func (c *runCmd) rolesDir(tree *settings.Tree) (string, error) {
	if c.Roles == "" {
		return filepath.Join(tree.Root(), "Roles"), nil
	}
	return filepath.Abs(c.Roles)
}

// workerPath is the worker's program, which lies beside the agent's.
func workerPath() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return "", err
	}
	worker := filepath.Join(filepath.Dir(self), "borealis-worker"+filepath.Ext(self))
	if _, err := os.Stat(worker); err != nil {
		return "", fmt.Errorf("the worker program must lie beside the agent: %w", err)
	}
	return worker, nil
}
