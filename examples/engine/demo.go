package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

type demoCmd struct {
	Home   string `help:"The agent's runtime tree; the Engine's folder is engine in it." default:"./demo" type:"path" placeholder:"DIR"`
	Roles  string `help:"The watched directory of roles. Default: Roles in the runtime tree." type:"path" placeholder:"DIR"`
	Script string `help:"A script to send as a signed job." type:"existingfile" placeholder:"FILE"`
	Once   bool   `help:"Do the round trip and exit."`
	JSON   bool   `name:"json" help:"End with one line of JSON."`
	Agent  string `help:"The agent's binary. Default: borealis-agent beside this program, in bin, or in PATH." placeholder:"PATH"`
}

// Help is the part of demo --help that shows how.
func (demoCmd) Help() string {
	return `Starts an Engine on loopback and the real agent beside it, approves it, waits for its roles, and
follows the log until interrupted. Edit a role in the watched directory meanwhile: it is reloaded as it runs.

With --once: enroll, every role running, one signed job with its output checked, one edit of a role that changes
the next job's output, one broken edit refused. The exit status is 0 only if all held. Role files are put back.

Examples:
  borealis-engine demo
  borealis-engine demo --script hello.sh
  borealis-engine demo --once --json`
}

// demo is a demo that runs.
type demo struct {
	*demoCmd
	*narrator
	engine *enginetest.Engine
	agent  *agentProcess
	report report
}

// report is the demo's last line with --json.
type report struct {
	Enrolled bool          `json:"enrolled"`
	GUID     string        `json:"guid"`
	Roles    []roleState   `json:"roles"`
	Job      *jobReport    `json:"job"`
	Reload   *reloadReport `json:"reload"`
}

type roleState struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

type jobReport struct {
	Status       string `json:"status"`
	Milliseconds int64  `json:"milliseconds"` // from sending it to having its result
}

type reloadReport struct {
	Milliseconds int64 `json:"milliseconds"` // from saving the file to its new version serving
	Refused      bool  `json:"refused"`      // whether the broken edit was
}

// Run runs the demo. What it started has ended when it returns.
func (c *demoCmd) Run(ctx context.Context, s streams) error {
	if c.Roles == "" {
		c.Roles = filepath.Join(c.Home, "Roles")
	}
	d := &demo{demoCmd: c, narrator: &narrator{out: s.out, follow: !c.Once}, report: report{Roles: []roleState{}}}
	err := d.start()
	if err == nil {
		err = d.play(ctx)
	}
	if err != nil && ctx.Err() != nil && !c.Once {
		err = nil // an interrupt is how it ends
	}
	err = errors.Join(err, d.end())
	if err != nil {
		d.showTail()
	}
	if c.JSON {
		err = errors.Join(err, json.NewEncoder(s.out).Encode(d.report))
	}
	return err
}

// start starts Engine and agent.
func (d *demo) start() (err error) {
	binary, err := findAgent(d.Agent)
	if err != nil {
		return err
	}
	d.engine, err = enginetest.New(enginetest.Config{Dir: filepath.Join(d.Home, "engine"), Log: slog.New(engineLog{narrator: d.narrator})})
	switch {
	case errors.Is(err, enginetest.ErrInUse):
		return withHint(err, "another demo runs there; stop it, or choose another folder with --home")
	case errors.Is(err, enginetest.ErrVersion):
		return withHint(err, "remove %s, or choose another folder with --home", short(d.Home))
	case err != nil:
		return err
	}
	d.say("Engine", "%s, state in %s", d.engine.URL(), short(filepath.Join(d.Home, "engine")))
	d.agent, err = startAgent(binary, d.agentLine, []string{
		"BOREALIS_SERVER_URL=" + d.engine.URL(),
		"BOREALIS_SEAL_KEY_FILE=" + filepath.Join(d.Home, "seal.key"), // else it lay outside, where a demo leaves nothing
	},
		"run", "--system-service", "--allow-all-grants", "--home", d.Home, "--roles", d.Roles,
		"--engine-ca", d.engine.RootFile(), "--enrollment-code", d.engine.Code())
	if err != nil {
		return err
	}
	d.say("agent", "pid %d, runtime tree in %s", d.agent.pid(), short(d.Home))
	d.say("roles", "%s", short(d.Roles))
	d.say("logs", "%s", short(filepath.Join(d.Home, "Agent", "Logs")))
	return nil
}

// play goes through the acts.
func (d *demo) play(ctx context.Context) error {
	began := time.Now()
	if err := d.enroll(ctx); err != nil {
		return err
	}
	d.say("enrolled", "%s, connected after %.1f s", d.report.GUID, time.Since(began).Seconds())
	if err := d.awaitRoles(ctx); err != nil {
		return err
	}
	if d.Script != "" {
		if err := d.runScript(ctx); err != nil && (d.Once || ctx.Err() != nil) {
			return err
		}
	}
	if d.Once {
		return d.roundTrip(ctx)
	}
	d.say("send", "from another terminal: %s send --dir %q --script FILE", program(), short(filepath.Join(d.Home, "engine")))
	d.say("edit", "a role in %s and save it; Ctrl-C ends the demo", short(d.Roles))
	select {
	case <-ctx.Done():
		return nil
	case <-d.agent.done:
		return d.agent.died()
	}
}

// end ends the agent, and then the Engine that it talks to.
func (d *demo) end() error {
	var errs []error
	if d.agent != nil {
		errs = append(errs, d.agent.stop())
	}
	if d.engine != nil {
		errs = append(errs, d.engine.Close())
	}
	return errors.Join(errs...)
}

// short is a path as one would type it here.
func short(path string) string {
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return path
}

// program is how this program is called from another terminal in the same folder.
func program() string {
	path, err := os.Executable()
	if err != nil || strings.Contains(path, string(filepath.Separator)+"go-build") {
		return "go run ./examples/engine" // the binary of go run goes away with it
	}
	rel := short(path)
	if filepath.Base(rel) == rel {
		return "." + string(filepath.Separator) + rel // a shell looks for a bare name elsewhere
	}
	return rel
}

// signedJob sends a script to the demo's agent and waits for its result.
func (d *demo) signedJob(ctx context.Context, kind, name string, script []byte) (enginetest.Result, time.Duration, error) {
	host, err := os.Hostname()
	if err != nil {
		return enginetest.Result{}, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	began := time.Now()
	id, err := d.engine.Send(enginetest.Job{TargetHostname: host, ScriptType: kind, ScriptName: name, Script: script, TimeoutSeconds: 3600})
	if err != nil {
		return enginetest.Result{}, 0, err
	}
	r, err := d.engine.Result(ctx, id)
	return r, time.Since(began), err
}

// runScript sends the file of --script and prints what it said.
func (d *demo) runScript(ctx context.Context) error {
	text, err := os.ReadFile(d.Script)
	if err != nil {
		return err
	}
	r, took, err := d.signedJob(ctx, scriptType(d.Script), filepath.Base(d.Script), text)
	if err != nil {
		return err
	}
	d.report.Job = &jobReport{Status: r.Status, Milliseconds: milliseconds(took)}
	d.say("script", "%s: %s in %v", filepath.Base(d.Script), r.Status, took.Round(time.Millisecond))
	d.write(r.Stdout)
	d.write(r.Stderr)
	if r.Status != "Success" {
		return fmt.Errorf("%q: %w", d.Script, errJobFailed)
	}
	return nil
}

// milliseconds counts what was begun as whole.
func milliseconds(t time.Duration) int64 { return int64((t + time.Millisecond - 1) / time.Millisecond) }
