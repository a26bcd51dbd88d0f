package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings/all"
)

type roleExplainCmd struct {
	JSON  bool   `name:"json" help:"Print JSON instead of text."`
	File  string `arg:"" help:"The role's file."`
	Event string `required:"" placeholder:"FILE" help:"A file of JSON: {\"event\": NAME, \"data\": WHAT THE ENGINE SENDS WITH IT}."`
}

func (c *roleExplainCmd) Help() string {
	return `Examples:
  borealis-agent role explain role_hello.lua --event hello.json
  borealis-agent role explain role_hello.lua --event hello.json --json

Runs the role's handlers on this machine. Files that its grants let it read, and measurements, are really read. Every
other call is stopped and listed instead: programs, changes of files, requests, timers, what is sent. The role is told that
it went well: a program ended with 0 and said nothing, an HTTP answer has status 200 and no body. Its store is empty. The
policy of this machine is not asked. The exit status is 1 when the handler fails.`
}

// explainLimit is how long the handlers may take; what they wait for is stopped, so they need little.
const explainLimit = time.Minute

// explanation is what a role would do.
type explanation struct {
	File  string      `json:"file"`
	Event string      `json:"event"`
	OK    bool        `json:"ok"`
	Load  []explained `json:"while_loading"`
	Calls []explained `json:"calls"`
	// Problem is why the handler failed.
	Problem *flaw `json:"problem,omitempty"`
}

// Run runs the handlers and tells of their calls.
func (c *roleExplainCmd) Run() error {
	ev, err := readEvent(c.Event)
	if err != nil {
		return err
	}
	src, err := reload.Read(c.File)
	if err != nil {
		return err
	}
	return withWorkers(func(ctx context.Context, nursery *role.Nursery) error {
		e, err := explain(ctx, nursery, src, ev)
		if err != nil {
			return err
		}
		if err := c.print(os.Stdout, e); err != nil {
			return err
		}
		if !e.OK {
			return errors.New("the handler failed")
		}
		return nil
	})
}

// mostEvent is the largest event, as the Engine may send it.
const mostEvent = 16 << 20

func readEvent(file string) (wire.Event, error) {
	f, err := os.Open(file)
	if err != nil {
		return wire.Event{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostEvent+1))
	if err != nil || len(text) > mostEvent {
		return wire.Event{}, errors.Join(fmt.Errorf("%s: at most %d bytes are read", file, mostEvent), err)
	}
	var said struct {
		Event string          `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&said); err != nil {
		return wire.Event{}, fmt.Errorf("%s: %w", file, err)
	}
	if said.Event == "" {
		return wire.Event{}, fmt.Errorf(`%s: no event is named: {"event": "hello", "data": {}}`, file)
	}
	return wire.Event{Name: said.Event, Data: said.Data, At: time.Now()}, nil
}

// explain runs a role's handlers of one event on a stage, in whichever context the role is for.
func explain(ctx context.Context, nursery *role.Nursery, src role.Source, ev wire.Event) (explanation, error) {
	s, ended := &stage{}, make(chan error, 1)
	var r *role.Role
	var err error
	for _, in := range []string{"system", "interactive"} {
		var cfg role.Config
		if cfg, err = idleConfig(nursery, in); err != nil {
			return explanation{}, err
		}
		cfg.Bindings, cfg.Open = carried(all.List()), s.open
		cfg.Done = func(wire.Event, string) { ended <- nil }
		cfg.Lost = func(_ wire.Event, _ string, err error) { ended <- err }
		if r, err = start(ctx, cfg, src); !errors.Is(err, role.ErrOtherContext) {
			break
		}
	}
	if err != nil {
		return explanation{}, err
	}
	defer func() { r.Kill(role.ErrEnded); <-r.Done() }()
	e := explanation{File: src.File, Event: ev.Name, Load: s.take()}
	if !slices.Contains(r.Events(), ev.Name) {
		return e, fmt.Errorf("%s does not ask for the event %q; it asks for %q", src.File, ev.Name, r.Events())
	}
	if err := r.Deliver(ev); err != nil {
		return e, err
	}
	select {
	case err = <-ended:
	case <-ctx.Done():
		return e, ctx.Err()
	case <-time.After(explainLimit):
		err = fmt.Errorf("the handler did not end within %v", explainLimit)
	}
	e.Calls, e.OK = s.take(), err == nil
	if err != nil {
		f := texts{src.File: string(src.Text)}.flaw(err.Error())
		e.Problem = &f
	}
	return e, nil
}

func (c *roleExplainCmd) print(w io.Writer, e explanation) error {
	if c.JSON {
		return writeJSON(w, e)
	}
	_, err := io.WriteString(w, e.String())
	return err
}

// String tells of the calls as a person reads them.
func (e explanation) String() string {
	var out strings.Builder
	list := func(title string, calls []explained) {
		out.WriteString(printable(title) + ":\n")
		for _, c := range calls {
			out.WriteString("  " + c.String() + "\n")
		}
		if len(calls) == 0 {
			out.WriteString("  nothing\n")
		}
	}
	if len(e.Load) > 0 {
		list("while it loads", e.Load)
	}
	list(fmt.Sprintf("event %q", e.Event), e.Calls)
	if e.Problem != nil {
		out.WriteString(e.Problem.String())
	}
	return out.String()
}
