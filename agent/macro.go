package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/control"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// The agent's own events for macros: what an operator at the machine wants.
const (
	macroStopEvent  = "macro_stop"
	macroStartEvent = "macro_start"
)

// told is the answer of macro_stop and macro_start.
type told struct {
	Roles int `json:"roles"` // how many heard it
}

// tellMacros hands an event of the operator's to the roles that ask for it.
func (a *agent) tellMacros(event string) control.Command {
	return func(context.Context, json.RawMessage) (any, error) {
		a.log.Warn("the operator of this machine has a word on macros", "event", event)
		return told{a.table.Dispatch(wire.Event{Name: event, Data: json.RawMessage("{}"), At: time.Now()})}, nil
	}
}

type macroCmd struct {
	Stop  macroStopCmd  `cmd:"" help:"End all macros at once, until macro start."`
	Start macroStartCmd `cmd:"" help:"Let macros run again."`
}

type macroStopCmd struct{ AtAgent }

func (c *macroStopCmd) Help() string {
	return `Examples:
  borealis-agent macro stop
  borealis-agent macro stop --home /opt/borealis

What is being typed ends within a fraction of a second. It holds over restarts of the agent, whatever the Engine asks for.`
}

// Run stops macros.
func (c *macroStopCmd) Run() error { return c.tell(macroStopEvent, "macros are stopped") }

type macroStartCmd struct{ AtAgent }

// Run lets macros run.
func (c *macroStartCmd) Run() error { return c.tell(macroStartEvent, "macros may run") }

// errNoMacros says that there was nobody to tell.
var errNoMacros = errors.New("no role that runs macros serves here; see borealis-agent role list")

func (c AtAgent) tell(event, done string) error {
	tree, err := c.tree()
	if err != nil {
		return err
	}
	roles := 0
	err = c.ask(context.Background(), tree, event, nil, func(answer json.RawMessage) error {
		var t told
		err := json.Unmarshal(answer, &t)
		roles += t.Roles
		return err
	})
	if err == nil && roles == 0 {
		err = errNoMacros
	}
	if err == nil {
		fmt.Println(done)
	}
	return err
}
