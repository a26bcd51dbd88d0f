package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/control"
	"github.com/bunny-lab-io/borealis-agent/agent/dispatch"
	"github.com/bunny-lab-io/borealis-agent/agent/role"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// cancelEvent is the agent's own: it asks a role to end a job that it runs.
const cancelEvent = "job_cancel"

// errCancelled is why a job came to nothing that an operator did not want any more.
var errCancelled = errors.New("cancelled by an operator on this machine")

// desk knows the versions of roles that may have jobs: those that serve, and those that come to an end with theirs.
type desk struct {
	mu    sync.Mutex
	roles []*role.Role
}

func (d *desk) add(r *role.Role) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.roles = append(slices.DeleteFunc(d.roles, ended), r)
}

func (d *desk) all() []*role.Role {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.roles = slices.DeleteFunc(d.roles, ended)
	return slices.Clone(d.roles)
}

// remind tells an event to the versions of roles that come to an end, for whose work it may be meant. Those that serve
// have got it already.
func (a *agent) remind(ev wire.Event) {
	serving := a.table.Roles()
	for _, r := range a.desk.all() {
		if serving[r.Name()] == dispatch.Subscriber(r) || !slices.Contains(r.Events(), ev.Name) {
			continue
		}
		if err := r.Remind(ev); err != nil && !errors.Is(err, role.ErrDraining) {
			a.log.Warn("event not taken", "event", ev.Name, "role", r.Name(), "error", err)
		}
	}
}

func ended(r *role.Role) bool {
	select {
	case <-r.Done():
		return true
	default:
		return false
	}
}

// jobSeen is a job that has no answer yet.
type jobSeen struct {
	ID    string `json:"job_id"`
	Name  string `json:"script_name"`
	Type  string `json:"script_type"`
	Role  string `json:"role"`
	State string `json:"state"` // "running" or "waiting"
	Since int64  `json:"since"` // when it came, in seconds since 1970
}

func isJob(ev wire.Event) bool { return ev.Name == wire.EventJobRun }

// listJobs answers the command job_list: those that run first, then those that wait, in their order.
func (a *agent) listJobs(context.Context, json.RawMessage) (any, error) {
	running, waiting := []jobSeen{}, []jobSeen{}
	for _, r := range a.desk.all() {
		for _, task := range r.Tasks(isJob) {
			if task.Waiting {
				waiting = append(waiting, seenOf(r.Name(), task, "waiting"))
				continue
			}
			running = append(running, seenOf(r.Name(), task, "running"))
		}
	}
	return append(running, waiting...), nil
}

func seenOf(name string, task role.Task, state string) jobSeen {
	seen := jobSeen{Role: name, State: state, Since: task.Since.Unix()}
	seen.ID, _ = jobOf(task.Event.Data)
	if fields, err := wire.ParseObject(task.Event.Data); err == nil {
		seen.Name, _ = fields.Text("script_name")
		seen.Type, _ = fields.Text("script_type")
	}
	return seen
}

// chosen is the argument of job_cancel, and its answer says how many such jobs there were.
type chosen struct {
	ID string `json:"job_id"`
}

type cancelled struct {
	Jobs int `json:"jobs"`
}

// How long a role has to end a job, and how often it is asked: the first word may arrive before the job itself.
const (
	cancelTime  = 20 * time.Second
	cancelAgain = 100 * time.Millisecond
)

// cancelJob answers the command job_cancel once no role has the job any more.
func (a *agent) cancelJob(ctx context.Context, args json.RawMessage) (any, error) {
	var in chosen
	if err := control.Args(args, &in); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeoutCause(ctx, cancelTime, fmt.Errorf("job %.40q is still there after %v", in.ID, cancelTime))
	defer stop()
	meant := func(ev wire.Event) bool {
		id, _ := jobOf(ev.Data)
		return isJob(ev) && id == in.ID
	}
	var out cancelled
	for _, r := range a.desk.all() {
		n := r.Withdraw(meant, errCancelled)
		running := r.Tasks(meant)
		if out.Jobs += n + len(running); len(running) == 0 {
			continue
		}
		if !slices.Contains(r.Events(), cancelEvent) {
			return nil, fmt.Errorf("job %.40q is run by role %q, which knows no way to end one", in.ID, r.Name())
		}
		if err := endJob(ctx, r, meant, running[0].Event); err != nil {
			return nil, err
		}
	}
	if out.Jobs > 0 {
		a.log.Info("job cancelled", "job", in.ID)
	}
	return out, nil
}

// endJob asks a role to end a job until it has.
func endJob(ctx context.Context, r *role.Role, meant func(wire.Event) bool, job wire.Event) error {
	fields, err := wire.ParseObject(job.Data)
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]json.RawMessage{"job_id": fields["job_id"]})
	if err != nil {
		return err
	}
	for len(r.Tasks(meant)) > 0 && !ended(r) {
		if err := r.Tell(ctx, wire.Event{Name: cancelEvent, Data: data, At: time.Now()}); err != nil && !ended(r) {
			return err
		}
		select {
		case <-time.After(cancelAgain):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
