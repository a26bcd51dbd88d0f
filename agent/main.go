package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"
)

// version and commit are set when the agent is built (see the Makefile).
var version, commit = "0.0.0-dev", "unknown"

// cli is the whole command line: a subcommand each, in a file of its own.
type cli struct {
	Run         runCmd         `cmd:"" help:"Run the agent in the foreground until it is told to end."`
	Status      statusCmd      `cmd:"" help:"Show how the agent on this machine is, and what keeps it from its work."`
	Metrics     metricsCmd     `cmd:"" help:"Print how a running agent is, for Prometheus."`
	Doctor      doctorCmd      `cmd:"" help:"Look at each step of the way to the Engine, and say what is wrong."`
	LogLevel    logLevelCmd    `cmd:"" help:"Change how much a running agent logs."`
	Job         jobCmd         `cmd:"" help:"List the jobs of a running agent, and end one."`
	Tunnel      tunnelCmd      `cmd:"" help:"Show the WireGuard tunnel of a running agent, and what keeps it from working."`
	Macro       macroCmd       `cmd:"" help:"Stop the macros of a running agent, and let them run again."`
	Role        roleCmd        `cmd:"" help:"Write, test, check, list and allow roles, and release them from quarantine."`
	Docs        docsCmd        `cmd:"" help:"Print what a module offers to roles, or list the modules."`
	Service     serviceCmd     `cmd:"" help:"Install the agent as a service of the operating system, start and stop it there, and remove it."`
	SelfReplace selfReplaceCmd `cmd:"" help:"Replace the programs of an installed service by a signed release, or keep them."`
	Version     versionCmd     `cmd:"" help:"Print the version of the agent."`

	SessionHost sessionHostCmd `cmd:"" hidden:"" help:"Carry out bindings as the user of a session, for the agent that starts this."`
}

func main() {
	var c cli
	parser := kong.Must(&c,
		kong.Name("borealis-agent"),
		kong.Description("The Borealis endpoint agent: it dials out to its Engine and serves the roles of a watched directory."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	ctx, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	if err := ctx.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "borealis-agent:", err)
		os.Exit(1)
	}
}
