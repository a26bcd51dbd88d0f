package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

type doctorCmd struct {
	Mode        string `enum:"SYSTEM,CURRENTUSER" default:"SYSTEM" placeholder:"MODE" help:"The mode of the agent in question: SYSTEM or CURRENTUSER. SYSTEM by default."`
	Home        string `placeholder:"DIR" help:"The agent's runtime tree; BOREALIS_ROOT by default, else that of the installed service."`
	Roles       string `placeholder:"DIR" help:"The watched directory of roles; HOME/Roles by default."`
	Config      string `placeholder:"SUFFIX" help:"As for run."`
	EngineCA    string `name:"engine-ca" placeholder:"FILE" help:"As for run."`
	EnginePrint string `name:"engine-fingerprint" placeholder:"SHA256" env:"BOREALIS_ENGINE_FINGERPRINT" help:"As for run."`
	FirstUse    bool   `name:"trust-on-first-use" help:"As for run."`
	PlainHTTP   bool   `name:"allow-plain-http" help:"As for run."`
	JSON        bool   `name:"json" help:"Print JSON instead of a table."`
}

func (c *doctorCmd) Help() string {
	return `Examples:
  borealis-agent doctor --home /opt/borealis
  borealis-agent doctor --home /opt/borealis --engine-ca engine-root.pem --json

It looks at the tree, the machine and each step of the way to the Engine, and says what is wrong and how to mend it. It
changes nothing, enrolls nothing and spends no code; it works on a copy of the settings that is removed afterwards, beside
a running agent too. Give it what that agent was started with. The exit status is 1 when a step failed.`
}

// stepTime is what one step may take.
const stepTime = 10 * time.Second

// The states of a finding.
const (
	stepOK      = "ok"
	stepWarn    = "warn"
	stepFail    = "fail"
	stepSkipped = "skipped" // a step before it failed
)

// finding is what a step has found.
type finding struct {
	Step  string `json:"step"`
	State string `json:"state"`
	Seen  string `json:"seen"`
	Mend  string `json:"mend,omitempty"`
}

func fine(format string, args ...any) finding {
	return finding{State: stepOK, Seen: fmt.Sprintf(format, args...)}
}

func warn(seen, mend string) finding { return finding{State: stepWarn, Seen: seen, Mend: mend} }

func wrong(seen, mend string) finding { return finding{State: stepFail, Seen: seen, Mend: mend} }

// failure is an error as a finding; otherwise is its mend when no better one is known than to ask the doctor.
func failure(err error, otherwise string) finding {
	mend := mendOf(err.Error())
	if mend == "" || strings.Contains(mend, askDoctor) {
		mend = otherwise
	}
	return wrong(err.Error(), mend)
}

// exam is one examination, which the steps fill in as they go.
type exam struct {
	cmd      *doctorCmd
	root     string // the tree itself, of which nothing is opened
	copy     string // where the copy of it lies
	agent    *agent // on the copy, as far as it can be assembled
	enrolled bool
}

// step looks at one thing. It is skipped unless the steps that it needs went well enough.
type step struct {
	name  string
	needs []string
	look  func(*exam, context.Context) finding
}

func steps() []step {
	return []step{
		{"settings", nil, (*exam).settings},
		{"agent", []string{"settings"}, (*exam).running},
		{"identity", []string{"settings"}, (*exam).identity},
		{"enrollment", []string{"settings"}, (*exam).enrollment},
		{"server", []string{"settings"}, (*exam).server},
		{"trust", []string{"identity", "server"}, (*exam).trust},
		{"proxy", []string{"trust"}, (*exam).proxy},
		{"dns", []string{"proxy"}, (*exam).dns},
		{"tcp", []string{"dns"}, (*exam).tcp},
		{"certificate", []string{"tcp"}, (*exam).certificate},
		{"tls", []string{"tcp"}, (*exam).tls},
		{"clock", []string{"tls"}, (*exam).clock},
		{"token", []string{"tls"}, (*exam).token},
		{"socket", []string{"tls"}, (*exam).socket},
		{"disk", []string{"settings"}, (*exam).disk},
		{"worker", nil, (*exam).worker},
		{"roles", nil, (*exam).roles},
	}
}

// Run goes through all steps, and fails if one did.
func (c *doctorCmd) Run() (err error) {
	root, err := rootOf(c.Home)
	if err != nil {
		return err
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	// Whoever loses patience still gets his copy removed.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	x := &exam{cmd: c, root: root}
	if x.copy, err = os.MkdirTemp("", "borealis-doctor-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.close()) }()
	found := x.all(ctx, steps())
	if c.JSON {
		err = writeJSON(os.Stdout, found)
	} else {
		err = showFindings(os.Stdout, found)
	}
	if n := len(inState(found, stepFail)); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d steps failed", n, len(found)))
	}
	return err
}

func (x *exam) close() error {
	var err error
	if x.agent != nil {
		err = x.agent.close()
	}
	return errors.Join(err, os.RemoveAll(x.copy))
}

// all takes the steps in their order.
func (x *exam) all(ctx context.Context, list []step) (found []finding) {
	for _, s := range list {
		f := finding{State: stepSkipped}
		bad := append(inState(found, stepFail), inState(found, stepSkipped)...)
		if i := slices.IndexFunc(bad, func(name string) bool { return slices.Contains(s.needs, name) }); i >= 0 {
			f.Seen = "not looked at, because of " + bad[i]
		} else {
			ctx, cancel := context.WithTimeoutCause(ctx, stepTime, fmt.Errorf("no answer within %v", stepTime))
			f = s.look(x, ctx)
			cancel()
		}
		f.Step, f.Seen = s.name, strings.ReplaceAll(f.Seen, x.copy, x.root)
		found = append(found, f)
	}
	return found
}

// inState lists the steps that are in a state.
func inState(found []finding, state string) (names []string) {
	for _, f := range found {
		if f.State == state {
			names = append(names, f.Step)
		}
	}
	return names
}

func showFindings(w io.Writer, found []finding) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range found {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.State, f.Step, printable(f.Seen))
		if f.Mend != "" {
			fmt.Fprintf(table, "\t\tmend: %s\n", printable(f.Mend))
		}
	}
	return table.Flush()
}

// mode is the mode of the agent in question.
func (c *doctorCmd) mode() wire.Mode { return wire.Mode(c.Mode) }

// run is the command of the agent in question, as far as it says where the way leads.
func (c *doctorCmd) run() *runCmd {
	return &runCmd{
		SystemService: c.mode() == wire.System, Config: c.Config, Home: c.Home, Roles: c.Roles,
		EngineCA: c.EngineCA, EnginePrint: strings.TrimSpace(c.EnginePrint), FirstUse: c.FirstUse, PlainHTTP: c.PlainHTTP,
	}
}
