// Command borealis-engine runs the embedded Borealis Engine of agent/enginetest as a program of its own, and makes an operator's
// calls to one that runs: look at the devices, approve one, send a signed script and print what it said.
//
// It is there to try the agent out and to see the protocol at work. It is not an Engine for production.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

// The exit statuses: a script that failed is told from a call that did.
const (
	exitJobFailed = 1
	exitTrouble   = 2
)

// cli is the command line.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run an Engine until interrupted."`
	Devices devicesCmd `cmd:"" help:"List the devices, and the enrollments that wait."`
	Approve approveCmd `cmd:"" help:"Approve an enrollment that waits."`
	Send    sendCmd    `cmd:"" help:"Send a script to a device and print its output."`
	Demo    demoCmd    `cmd:"" help:"Run an Engine and a real agent beside it, and show them at work."`
}

// place is the state folder that every subcommand shares.
type place struct {
	Dir string `help:"The Engine's state folder." default:"./demo/engine" type:"path" placeholder:"DIR"`
}

// open finds the Engine that runs in the folder.
func (p place) open() (*enginetest.Operator, error) {
	o, err := enginetest.OpenOperator(p.Dir)
	return o, p.hint(err)
}

// hint says what to do when no Engine answers.
func (p place) hint(err error) error {
	if errors.Is(err, enginetest.ErrNotRunning) {
		return withHint(err, "start one with: borealis-engine serve --dir %q", p.Dir)
	}
	return err
}

// streams are where output goes.
type streams struct{ out, err io.Writer }

// hinted is an error with what to do about it, which is printed on a line of its own.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

func withHint(err error, format string, args ...any) error {
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// errJobFailed ends send when all went well but the script.
var errJobFailed = errors.New("the job failed")

func main() {
	var c cli
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parser := kong.Must(&c, kong.Name("borealis-engine"), kong.UsageOnError(),
		kong.Description("The embedded Borealis Engine, for trying the agent out."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(streams{os.Stdout, os.Stderr}))
	parsed, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "borealis-engine: %v\n  see: borealis-engine --help\n", err)
		os.Exit(exitTrouble)
	}
	err = parsed.Run()
	stop()
	os.Exit(tell(err))
}

// tell prints an error and gives the exit status for it.
func tell(err error) int {
	var h *hinted
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errJobFailed):
		return exitJobFailed
	}
	fmt.Fprintf(os.Stderr, "borealis-engine: %v\n", err)
	if errors.As(err, &h) {
		fmt.Fprintf(os.Stderr, "  %s\n", h.hint)
	}
	return exitTrouble
}
