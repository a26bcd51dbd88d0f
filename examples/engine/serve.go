package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

type serveCmd struct {
	place
	Addr        string `help:"Address to listen on." default:"127.0.0.1:5000" placeholder:"HOST:PORT"`
	AutoApprove bool   `help:"Approve every enrollment at once."`
	JSON        bool   `name:"json" help:"Say where the Engine is as one JSON object."`
}

// Help is the part of serve --help that shows how.
func (serveCmd) Help() string {
	return `Keys, devices and jobs stay in the state folder: the next start knows them all.

Examples:
  borealis-engine serve
  borealis-engine serve --dir /tmp/engine --addr 127.0.0.1:0 --auto-approve`
}

// Run serves until the context ends.
func (c *serveCmd) Run(ctx context.Context, s streams) error {
	e, err := enginetest.New(enginetest.Config{
		Dir: c.Dir, Addr: c.Addr, AutoApprove: c.AutoApprove, Log: slog.New(slog.NewTextHandler(s.err, nil)),
	})
	switch {
	case errors.Is(err, enginetest.ErrInUse):
		return withHint(err, "stop that one, or choose another folder with --dir")
	case errors.Is(err, enginetest.ErrVersion):
		return withHint(err, "remove it, or choose another one with --dir")
	case err != nil:
		return err
	}
	if err := c.introduce(s.out, e); err != nil {
		return errors.Join(err, e.Close())
	}
	<-ctx.Done()
	return e.Close()
}

func (c *serveCmd) introduce(w io.Writer, e *enginetest.Engine) error {
	if c.JSON {
		return json.NewEncoder(w).Encode(map[string]string{"url": e.URL(), "code": e.Code(), "root_file": e.RootFile(), "dir": c.Dir})
	}
	_, err := fmt.Fprintf(w, `Engine     %[1]s
Code       %[2]s
Root       %[3]s
State      %[4]s

Point an agent at it:
  BOREALIS_SERVER_URL=%[1]s borealis-agent run --system-service --engine-ca %[3]q --enrollment-code %[2]s
Interrupt to stop.
`, e.URL(), e.Code(), e.RootFile(), c.Dir)
	return err
}
