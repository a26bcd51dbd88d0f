package main

import (
	"context"
	"os"

	"github.com/bunny-lab-io/borealis-agent/agent/session/host"
	"github.com/bunny-lab-io/borealis-agent/bindings/all"
)

// sessionHostArg is the subcommand by which the agent starts itself as a user.
const sessionHostArg = "session-host"

type sessionHostCmd struct{}

// Run carries out bindings for the agent that started this process, until that hangs up.
func (c *sessionHostCmd) Run() error {
	return host.Serve(context.Background(), os.Stdin, os.Stdout, carried(all.List()))
}
