package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

type devicesCmd struct {
	place
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help is the part of devices --help that shows how.
func (devicesCmd) Help() string {
	return `Examples:
  borealis-engine devices
  borealis-engine devices --json | jq -r '.devices[] | select(.connected) | .hostname'`
}

// roster is what devices prints.
type roster struct {
	Devices []enginetest.Device  `json:"devices"`
	Pending []enginetest.Pending `json:"pending"`
}

// Run prints the devices.
func (c *devicesCmd) Run(ctx context.Context, s streams) error {
	o, err := c.open()
	if err != nil {
		return err
	}
	defer o.Close()
	var list roster
	if list.Devices, err = o.Devices(ctx); err != nil {
		return c.hint(err)
	}
	if list.Pending, err = o.Pending(ctx); err != nil {
		return c.hint(err)
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(list)
	}
	return list.print(s.out)
}

func (l roster) print(w io.Writer) error {
	if len(l.Devices)+len(l.Pending) == 0 {
		_, err := fmt.Fprintln(w, "No device has enrolled, and none waits.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "HOST\tGUID OR REFERENCE\tSTATUS\tCONNECTED\tLAST SEEN")
	for _, d := range l.Devices {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", d.Hostname, d.GUID, d.Status, yesNo(d.Connected), d.LastSeen.Local().Format(time.DateTime))
	}
	for _, p := range l.Pending {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", p.Hostname, p.Reference, "pending", "no", p.RequestedAt.Local().Format(time.DateTime))
	}
	return table.Flush()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
