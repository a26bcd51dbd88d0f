// Command worker is the slim process in which one role's Lua world lives. It locks itself down and then answers the
// core over its standard input and output until the core hangs up. It is started by the core only, reads no file,
// opens no connection, and starts nothing.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/ipc/contract"
	"github.com/bunny-lab-io/borealis-agent/agent/memory"
	"github.com/bunny-lab-io/borealis-agent/agent/worker/lockdown"
	"github.com/bunny-lab-io/borealis-agent/agent/world"
	"github.com/bunny-lab-io/borealis-agent/agent/world/trial"
	"github.com/bunny-lab-io/borealis-agent/bindings/pure"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run() error {
	tune()
	in := stdin()
	program := memory.Thrift()
	missing := lockdown.Down()
	if len(missing) > 0 && slices.Contains(os.Args[1:], contract.RequireLockdown) {
		return fmt.Errorf("it cannot be locked down on this machine, which is required: %s", strings.Join(missing, "; "))
	}
	if slices.Contains(os.Args[1:], contract.TrialMode) {
		debug.SetGCPercent(400) // it ends within a second, and an author waits for it
		return trial.Serve(context.Background(), in, os.Stdout, pure.List(), pure.Fake())
	}
	return world.Serve(context.Background(), in, os.Stdout, world.Options{
		Pure:    pure.List(),
		Limits:  world.DefaultLimits(),
		Missing: missing,
		Settle:  func() { go program.Keep(context.Background(), rest) },
		// The process is the last thing that a role can be made to let go of.
		Exhausted: func(reason error) {
			fmt.Fprintln(os.Stderr, reason)
			os.Exit(1)
		},
	})
}
