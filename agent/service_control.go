package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/control"
	"github.com/bunny-lab-io/borealis-agent/agent/service"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

// proveWithin is how long a service that was started may take until its agent answers.
const proveWithin = 60 * time.Second

// prove waits until the agent answers, and is the process that the system runs.
func (c OfService) prove(ctx context.Context, tree *settings.Tree) (status, error) {
	ctx, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		said, state, err := c.ask(ctx, tree)
		if err == nil {
			return said, nil
		}
		select {
		case <-ctx.Done():
			return said, fmt.Errorf("the service does not do its work (%s): %w; see %s", state.Says, err, filepath.Join(tree.Logs(), "agent.log"))
		case <-look.C:
		}
	}
}

// ask asks the system about the service, and the service's agent about itself.
func (c OfService) ask(ctx context.Context, tree *settings.Tree) (said status, state service.State, err error) {
	if state, err = c.service().State(ctx); err != nil {
		return said, state, err
	}
	if err := control.Call(ctx, controlPlace(tree, c.mode()), "status", nil, &said); err != nil {
		return said, state, err
	}
	if state.PID != 0 && state.PID != said.PID {
		return said, state, fmt.Errorf("process %d answers, and the service is process %d", said.PID, state.PID)
	}
	return said, state, nil
}

type serviceStartCmd struct{ OfService }

// Run starts the service.
func (c *serviceStartCmd) Run() error { return c.begin(service.Service.Start) }

type serviceRestartCmd struct{ OfService }

// Run restarts the service.
func (c *serviceRestartCmd) Run() error { return c.begin(service.Service.Restart) }

func (c OfService) begin(how func(service.Service, context.Context) error) error {
	ctx := context.Background()
	if err := how(c.service(), ctx); err != nil {
		return err
	}
	tree, err := c.tree()
	if err != nil {
		return err
	}
	said, err := c.prove(ctx, tree)
	if err == nil {
		fmt.Printf("the service runs as process %d, version %s\n", said.PID, printable(said.Version))
	}
	return err
}

type serviceStopCmd struct{ OfService }

// Run stops the service.
func (c *serviceStopCmd) Run() error { return c.service().Stop(context.Background()) }

type serviceStatusCmd struct {
	OfService
	JSON bool `name:"json" help:"Print JSON instead of text."`
}

// serviceStatus is how a service is: in the system's eyes, and in its agent's.
type serviceStatus struct {
	service.State
	Answers    bool   `json:"answers"` // the agent, and it is the service's process
	Version    string `json:"version,omitempty"`
	Enrollment string `json:"enrollment,omitempty"`
	Connected  bool   `json:"connected"`
	Trouble    string `json:"trouble,omitempty"` // why it does not answer
}

// Run shows the status.
func (c *serviceStatusCmd) Run() error {
	s, err := c.look(context.Background())
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(os.Stdout, s)
	} else {
		err = s.show(os.Stdout)
	}
	if err == nil && !s.Answers {
		err = errors.New("the service does not do its work")
	}
	return err
}

func (c *serviceStatusCmd) look(ctx context.Context) (s serviceStatus, err error) {
	tree, absent := c.tree()
	if absent != nil {
		s.State, err = c.service().State(ctx)
		s.Trouble = absent.Error()
		return s, err
	}
	said, state, trouble := c.ask(ctx, tree)
	if trouble != nil {
		return serviceStatus{State: state, Trouble: trouble.Error()}, nil
	}
	if state.PID == 0 { // not every system says
		state.PID, state.Running = said.PID, true
	}
	return serviceStatus{State: state, Answers: true, Version: said.Version, Enrollment: said.Enrollment, Connected: said.Connected}, nil
}

func (s serviceStatus) show(w io.Writer) error {
	rows := [][2]string{
		{"installed", yesNo(s.Installed)},
		{"starts by itself", yesNo(s.Enabled)},
		{"the system says", s.Says},
		{"restarts", fmt.Sprint(s.Restarts)},
	}
	if s.Answers {
		rows = append(rows, [2]string{"agent", fmt.Sprintf("version %s, process %d, %s", s.Version, s.PID, s.Enrollment)},
			[2]string{"connected", yesNo(s.Connected)})
	} else {
		rows = append(rows, [2]string{"agent", "does not answer: " + s.Trouble})
	}
	return showRows(w, rows)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
