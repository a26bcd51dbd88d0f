package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

type sendCmd struct {
	place
	Script  string            `required:"" type:"existingfile" help:"The script to run." placeholder:"FILE"`
	Type    string            `help:"bash, powershell or batch. Default: by the file's extension, else bash." enum:"bash,powershell,batch," default:""`
	Host    string            `help:"The device's host name. Default: the only one that is connected." placeholder:"HOST"`
	Env     map[string]string `help:"Environment of the script." placeholder:"NAME=VALUE"`
	RunMode string            `help:"As whom: system or current_user." enum:"system,current_user" default:"system" placeholder:"MODE"`
	Timeout int               `help:"Seconds that the script may run, 0 for ever." default:"3600" placeholder:"SECONDS"`
	Wait    time.Duration     `help:"How long to wait for the result." default:"60s"`
	JSON    bool              `name:"json" help:"Print the result as one JSON object."`
}

// Help is the part of send --help that shows how.
func (sendCmd) Help() string {
	return `The script's output and errors come out as they are. The exit status is 1 when it failed, 2 when it
could not be sent or no result came in time.

Examples:
  borealis-engine send --script hello.sh
  borealis-engine send --script report.ps1 --host lab-node-07 --timeout 30 --env GREETING=tern`
}

// Run sends the script and waits for what came of it.
func (c *sendCmd) Run(ctx context.Context, s streams) error {
	script, err := os.ReadFile(c.Script)
	if err != nil {
		return err
	}
	o, err := c.open()
	if err != nil {
		return err
	}
	defer o.Close()
	host, err := c.pickHost(ctx, o)
	if err != nil {
		return c.hint(err)
	}
	result, err := c.run(ctx, o, host, script)
	if err != nil {
		return c.hint(err)
	}
	return c.print(s, result)
}

// pickHost finds the connected device that is meant.
func (c *sendCmd) pickHost(ctx context.Context, o *enginetest.Operator) (string, error) {
	devices, err := o.Devices(ctx)
	if err != nil {
		return "", err
	}
	var hosts []string
	for _, d := range devices {
		if !d.Connected {
			continue
		}
		if strings.EqualFold(d.Hostname, c.Host) {
			return d.Hostname, nil
		}
		hosts = append(hosts, d.Hostname)
	}
	const list = "see the devices with: borealis-engine devices --dir %q"
	switch {
	case c.Host != "":
		return "", withHint(fmt.Errorf("%q: %w", c.Host, enginetest.ErrNotConnected), list, c.Dir)
	case len(hosts) == 0:
		return "", withHint(errors.New("no device is connected"), list, c.Dir)
	case len(hosts) > 1:
		return "", withHint(fmt.Errorf("%d devices are connected: %s", len(hosts), strings.Join(hosts, ", ")), "choose one with --host")
	}
	return hosts[0], nil
}

func (c *sendCmd) run(ctx context.Context, o *enginetest.Operator, host string, script []byte) (enginetest.Result, error) {
	if c.Type == "" {
		c.Type = scriptType(c.Script)
	}
	job := enginetest.Job{
		TargetHostname: host, ScriptType: c.Type, ScriptName: filepath.Base(c.Script), Script: script,
		Environment: c.Env, RunMode: c.RunMode, TimeoutSeconds: c.Timeout,
	}
	id, err := o.Send(ctx, job)
	if err != nil {
		return enginetest.Result{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	r, err := o.Result(waiting, id)
	if errors.Is(err, context.DeadlineExceeded) {
		return r, withHint(fmt.Errorf("job %d: no result within %v", id, c.Wait), "it may still run; wait longer with --wait")
	}
	return r, err
}

// scriptType tells a script's type from its file's extension.
func scriptType(file string) string {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".ps1":
		return "powershell"
	case ".bat", ".cmd":
		return "batch"
	}
	return "bash"
}

func (c *sendCmd) print(s streams, r enginetest.Result) error {
	var err error
	if c.JSON {
		err = json.NewEncoder(s.out).Encode(r)
	} else {
		_, outErr := io.WriteString(s.out, r.Stdout)
		_, errErr := io.WriteString(s.err, r.Stderr)
		err = errors.Join(outErr, errErr)
	}
	if err == nil && r.Status != "Success" {
		err = errJobFailed
	}
	return err
}
