package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/gate"
	"github.com/bunny-lab-io/borealis-agent/agent/outbox"
	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// configEvent is handled here rather than by roles that ask for it: every role gets it.
const configEvent = "agent_config"

// screenshotEvent carries a picture for a node.
const screenshotEvent = "agent_screenshot_task"

func nodeOf(data json.RawMessage) string {
	var frame struct {
		Node string `json:"node_id"`
	}
	_ = json.Unmarshal(data, &frame) // without a node it waits like anything else
	return frame.Node
}

// passing are results that are worth something only now: they are never kept on disk.
var passing = map[string]bool{screenshotEvent: true, wire.EventWindowList: true, "macro_status": true, "quick_job_progress": true}

// Event takes what the Engine said through the gate to the roles that asked for it. It blocks only while the roles come
// to life at the start.
func (a *agent) Event(ev wire.Event) {
	a.ready.wait()
	switch ev.Name {
	case connectEvent, disconnectEvent, cancelEvent, macroStopEvent, macroStartEvent:
		return // no Engine says these, and roles may rely on that
	}
	admitted, err := a.gate.Admit(ev)
	var refused *gate.Refusal
	switch {
	case errors.Is(err, gate.ErrNotOurs):
		if half := a.users.other(); half != nil && ev.Name == wire.EventJobRun && !half.engine.Connected() {
			half.Event(ev) // it does not hear the Engine at the moment
		}
	case errors.As(err, &refused):
		a.log.Warn("job refused", "reason", refused.Reason)
		a.keep(a.outbox.Put, refused.Result) // it settles nothing: a copy of a job that runs may be refused
	case errors.Is(err, gate.ErrReplay):
		a.log.Info("event not taken", "event", ev.Name, "reason", err)
	case err != nil:
		a.log.Warn("event refused", "event", ev.Name, "error", err)
	case ev.Name == configEvent:
		a.configure(admitted)
	default:
		a.dispatch(admitted)
	}
}

// dispatch gives an event to the roles, and itself answers what must be answered when none asked for it.
func (a *agent) dispatch(ev wire.Event) {
	if isJob(ev) {
		a.dispatchJob(ev)
		return
	}
	asked := a.table.Dispatch(ev)
	if ev.Name == wire.EventPlaybookEnd {
		a.remind(ev)
	}
	if asked == 0 && ev.Name == wire.EventListWindows && a.mode == wire.CurrentUser { // as upstream without its window helper
		a.answer(wire.EventWindowList, wire.WindowList{AgentID: a.engine.AgentID(), Windows: []wire.Window{}})
	}
}

// answer says something to the Engine that is worth something only now.
func (a *agent) answer(event string, data any) {
	text, err := json.Marshal(data)
	if err == nil {
		err = a.outbox.Offer(wire.Result{Event: event, Data: text})
	}
	if err != nil {
		a.log.Error("event not answered", "event", event, "error", err)
	}
}

// configure hands the whole list of role configurations to every role. An empty list, or none, stops them all until the
// next one comes.
func (a *agent) configure(ev wire.Event) {
	list, err := configuredRoles(ev.Data)
	if err != nil {
		a.log.Warn("configuration not taken", "error", err)
		return
	}
	for name, r := range a.table.Roles() {
		if err := r.(*role.Role).Configure(ev, list); err != nil {
			a.log.Warn("configuration not taken", "role", name, "error", err)
		}
	}
}

// configuredRoles is the list of role configurations as JSON, nil for an empty one.
func configuredRoles(data json.RawMessage) ([]byte, error) {
	var config struct {
		Roles []json.RawMessage `json:"roles"`
	}
	if err := json.Unmarshal(data, &config); err != nil || len(config.Roles) == 0 {
		return nil, err
	}
	return json.Marshal(config.Roles)
}

// failed is the answer to a job that came to nothing.
func failed(ev wire.Event, name string, reason error) (wire.Result, error) {
	job, err := wire.ParseJob(ev.Data)
	if err != nil {
		return wire.Result{}, err
	}
	data, err := json.Marshal(wire.JobResult{
		JobID: job.ID, Status: wire.JobFailed, Stderr: reason.Error(), Context: job.Context,
	})
	return wire.Result{Role: name, Event: wire.EventJobResult, Data: data}, err
}

// keep puts a result of the agent's own into the outbox; one that is not owed any more is not needed.
func (a *agent) keep(put func(wire.Result) error, r wire.Result) {
	if err := a.unkept.keep(put, r); err != nil && !errors.Is(err, outbox.ErrNotOwed) {
		a.log.Error("result not kept", "event", r.Event, "error", err)
	}
}

// Emit keeps a role's result until the Engine has it.
func (a *agent) Emit(r wire.Result) error {
	if passing[r.Event] {
		if r.Event == screenshotEvent {
			r.ID = nodeOf(r.Data) // of what a node sees, only the newest is worth sending
		}
		return a.outbox.Offer(r)
	}
	if r.Event == wire.EventJobResult {
		if job, closes := jobOf(r.Data); closes {
			pay := func(r wire.Result) error { return a.outbox.Pay(job, r) }
			if err := a.unkept.keep(pay, r); !errors.Is(err, outbox.ErrNotOwed) {
				return err
			}
			if a.jobs.answered(job) {
				return bindings.Fail("late", "job %s has been answered in the role's place: its handler had ended", job)
			}
		}
	}
	return a.unkept.keep(a.outbox.Put, r)
}

// Request posts to the Engine as the device.
func (a *agent) Request(ctx context.Context, path string, in, out any) error {
	if path == wire.PathTunnelEnsure {
		return a.ensureTunnel(ctx, in, out)
	}
	return a.engine.Post(ctx, path, in, out)
}

// The events that are the agent's own rather than the Engine's, for roles that ask for them.
const (
	connectEvent    = "connect"
	disconnectEvent = "disconnect"
)

// tellConnected lets the roles that asked know whether the Engine can be reached.
func (a *agent) tellConnected(connected bool) {
	ev := wire.Event{Name: disconnectEvent, Data: json.RawMessage("{}"), At: time.Now()}
	if connected {
		ev.Name = connectEvent
	}
	a.dispatch(ev)
}
