package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/bunny-lab-io/borealis-agent/agent/control"
	"github.com/bunny-lab-io/borealis-agent/agent/settings"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// commands is what programs on this machine may ask of a running agent.
func (a *agent) commands() map[string]control.Command {
	return map[string]control.Command{
		"status":     a.tellLive,
		"log_level":  a.logLevel,
		"job_list":   a.listJobs,
		"job_cancel": a.cancelJob,

		"tunnel_status": a.tunnelStatus,

		macroStopEvent:  a.tellMacros(macroStopEvent),
		macroStartEvent: a.tellMacros(macroStartEvent),
	}
}

// serveControl answers them until ctx ends. The lock of the mode keeps any other agent off the place.
func (a *agent) serveControl(ctx context.Context) error {
	return control.Serve(ctx, control.Config{
		Place: controlPlace(a.tree, a.mode), Commands: a.commands(), Log: a.log.With("part", "control"),
	})
}

func controlPlace(tree *settings.Tree, mode wire.Mode) control.Place {
	return control.Place{Dir: tree.Settings(), Name: string(mode)}
}

// level is the argument and the answer of log_level.
type level struct {
	Level string `json:"level"`
}

// logLevel sets how much is logged until the agent ends; without a level it only tells.
func (a *agent) logLevel(_ context.Context, args json.RawMessage) (any, error) {
	var in level
	if err := control.Args(args, &in); err != nil {
		return nil, err
	}
	if in.Level != "" {
		var to slog.Level
		if err := to.UnmarshalText([]byte(in.Level)); err != nil {
			return nil, &control.Error{Code: control.CodeRequest, Text: fmt.Sprintf("level %.20q: want debug, info, warn or error", in.Level)}
		}
		a.level.Set(to)
		a.log.Log(context.Background(), max(to, slog.LevelInfo), "log level changed", "to", to.String())
		a.change()
	}
	return level{a.level.Level().String()}, nil
}

// AtAgent is the flags of commands that ask a running agent.
type AtAgent struct {
	InHome
	Mode string `enum:"SYSTEM,CURRENTUSER," default:"" placeholder:"MODE" help:"Ask only the agent of this mode; SYSTEM or CURRENTUSER. All that run by default."`
}

// modes are those that are meant.
func (c AtAgent) modes() []wire.Mode {
	return slices.DeleteFunc(modes(), func(m wire.Mode) bool { return c.Mode != "" && string(m) != c.Mode })
}

// ask asks every agent that is meant and runs. take gets each answer's mode.
func (c AtAgent) ask(ctx context.Context, tree *settings.Tree, command string, args any, take func(json.RawMessage) error) error {
	asked := false
	for _, mode := range c.modes() {
		var answer json.RawMessage
		err := control.Call(ctx, controlPlace(tree, mode), command, args, &answer)
		if errors.Is(err, control.ErrNoAgent) && !tree.Present(string(mode)) {
			continue
		}
		if err != nil {
			return fmt.Errorf("agent in mode %s: %w", mode, err)
		}
		if err := take(answer); err != nil {
			return err
		}
		asked = true
	}
	if !asked {
		return noAgent(tree.Root(), c.Mode)
	}
	return nil
}

// listOf asks every agent that is meant and runs for a list, and gives all lists in one.
func listOf[T any](c AtAgent, command string) ([]T, error) {
	tree, err := c.tree()
	if err != nil {
		return nil, err
	}
	list := []T{}
	err = c.ask(context.Background(), tree, command, nil, func(answer json.RawMessage) error {
		var more []T
		err := json.Unmarshal(answer, &more)
		list = append(list, more...)
		return err
	})
	return list, err
}

// errNoAgent says that there is nobody to ask.
var errNoAgent = errors.New("no agent runs")

func noAgent(root, mode string) error {
	if mode != "" {
		mode = " in mode " + mode
	}
	return fmt.Errorf("%w%s on the tree %q; borealis-agent run starts one", errNoAgent, mode, root)
}
