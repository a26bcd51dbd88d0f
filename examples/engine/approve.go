package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

type approveCmd struct {
	place
	Ref       string `arg:"" optional:"" name:"ref" help:"Reference, host name or the start of the key's fingerprint. Default: the only one that waits."`
	Overwrite bool   `help:"Give the device of this host name to the new key." xor:"conflict"`
	Coexist   bool   `help:"Make a second device beside the one of this host name." xor:"conflict"`
	JSON      bool   `name:"json" help:"Print the device as one JSON object."`
}

// Help is the part of approve --help that shows how.
func (approveCmd) Help() string {
	return `Examples:
  borealis-engine approve
  borealis-engine approve lab-node-07
  borealis-engine approve lab-node-07 --overwrite`
}

// Run approves.
func (c *approveCmd) Run(ctx context.Context, s streams) error {
	o, err := c.open()
	if err != nil {
		return err
	}
	defer o.Close()
	d, err := o.Approve(ctx, c.Ref, c.resolution())
	switch {
	case errors.Is(err, enginetest.ErrNoPending), errors.Is(err, enginetest.ErrAmbiguous):
		return withHint(err, "see what waits with: borealis-engine devices --dir %q", c.Dir)
	case errors.Is(err, enginetest.ErrConflict):
		return withHint(err, "repeat with --overwrite if it is the same machine with a new key, with --coexist if it is another one")
	case err != nil:
		return c.hint(err)
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(d)
	}
	_, err = fmt.Fprintf(s.out, "approved %s as %s\n", d.Hostname, d.GUID)
	return err
}

func (c *approveCmd) resolution() enginetest.Resolution {
	switch {
	case c.Overwrite:
		return enginetest.Overwrite
	case c.Coexist:
		return enginetest.Coexist
	}
	return enginetest.Undecided
}
