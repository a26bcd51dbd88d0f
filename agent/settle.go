package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// maxMade is how many answers of the agent's own are remembered.
const maxMade = 4096

// late is how long a job may stay without an answer after the last handler that got it has ended well: a role may answer
// from a timer, or none may have taken the job for its own.
const late = 10 * time.Second

// jobs are those that roles have and are not done with. A role answers a job before its handler ends, so when every role
// that got a job is done with it and no answer went out, there is none to come: the agent answers at once in the place of
// the one that failed, or of one that is down, and after a while where nobody took the job. What a role says to a job
// after that is not sent.
type jobs struct {
	mu    sync.Mutex
	open  map[string]*openJob // by the job's name
	made  map[string]bool     // jobs that the agent itself has answered
	order []string
	left  []leftJob // in the order of their time
}

// leftJob is a job without an answer that no handler has any more.
type leftJob struct {
	ev   wire.Event
	name string
	at   time.Time
}

// leave notes a job that may stay without an answer.
func (j *jobs) leave(ev wire.Event, name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.left = append(j.left, leftJob{ev, name, time.Now()})
}

// overdue takes out those that have been left for too long.
func (j *jobs) overdue(now time.Time) []leftJob {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, _ := slices.BinarySearchFunc(j.left, now.Add(-late), func(l leftJob, t time.Time) int { return l.at.Compare(t) })
	overdue := slices.Clone(j.left[:n])
	j.left = slices.Delete(j.left, 0, n)
	return overdue
}

// answerLeft answers the jobs that nobody took, until ctx ends.
func (a *agent) answerLeft(ctx context.Context) error {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-look.C:
			for _, l := range a.jobs.overdue(now) {
				a.answerFor(l.ev, l.name, "", nobodyTook(l.ev))
			}
		}
	}
}

// nobodyTook says so of a job, and of what kind it was.
func nobodyTook(ev wire.Event) error {
	fields, _ := wire.ParseObject(ev.Data)
	kind, _ := fields.Text("script_type")
	return fmt.Errorf("no role on this device answered this job of the type %.40q", kind)
}

type openJob struct {
	handing int // that is: how many roles have it is not known yet
	left    int // roles that are not done
	role    string
	err     error           // why the first of them failed
	down    []reload.Status // roles that did not get it, because they are down
}

// begin says that a job is about to be handed to those roles that are not down.
func (j *jobs) begin(name string, down []reload.Status) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.open == nil {
		j.open = map[string]*openJob{}
	}
	if j.open[name] == nil {
		j.open[name] = &openJob{}
	}
	j.open[name].handing++
	j.open[name].down = down
}

// handed says how many roles have got a job. It gives how the job ended when they are all done already.
func (j *jobs) handed(name string, roles int) (ended openJob, all bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	job := j.open[name]
	job.handing--
	job.left += roles
	return j.closeLocked(name, job)
}

// end says that a role is done with a job, well or with an error. It gives how the job ended when that was the last.
func (j *jobs) end(name, role string, err error) (ended openJob, all bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	job := j.open[name]
	if job == nil { // it never began
		return openJob{role: role, err: err}, err != nil
	}
	if job.left--; err != nil && job.err == nil {
		job.role, job.err = role, err
	}
	return j.closeLocked(name, job)
}

func (j *jobs) closeLocked(name string, job *openJob) (openJob, bool) {
	if job.handing > 0 || job.left > 0 {
		return openJob{}, false
	}
	delete(j.open, name)
	return *job, true
}

// note remembers that the agent itself has answered a job.
func (j *jobs) note(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.made[name] {
		return
	}
	if j.made == nil {
		j.made = map[string]bool{}
	}
	j.made[name] = true
	if j.order = append(j.order, name); len(j.order) > maxMade {
		delete(j.made, j.order[0])
		j.order = j.order[1:]
	}
}

func (j *jobs) answered(name string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.made[name]
}

// dispatchJob gives a job to the roles that asked for jobs.
func (a *agent) dispatchJob(ev wire.Event) {
	name, _ := jobOf(ev.Data)
	a.jobs.begin(name, a.reload.Absent(ev.Name))
	n := a.table.Dispatch(ev)
	job, all := a.jobs.handed(name, n)
	if n == 0 && job.err == nil {
		job.err = errors.New("no role on this device runs script jobs")
	}
	if all {
		a.settle(ev, name, job)
	}
}

// handled is told of every event with which a role came to a good end.
func (a *agent) handled(ev wire.Event, role string) { a.lost(ev, role, nil) }

// lost is told of every event with which a role is done, and why it came to nothing.
func (a *agent) lost(ev wire.Event, role string, err error) {
	if !isJob(ev) {
		return
	}
	name, _ := jobOf(ev.Data)
	if job, all := a.jobs.end(name, role, err); all {
		a.settle(ev, name, job)
	}
}

// settle answers a job with which every role is done: in the place of the one that failed, or of those that were down.
// It may have been answered before. One of which no role failed, and none was down, has a while left.
func (a *agent) settle(ev wire.Event, name string, job openJob) {
	if job.role != "" {
		a.answerFor(ev, name, job.role, fmt.Errorf("role %q: %w", job.role, job.err))
		return
	}
	if job.err == nil && len(job.down) > 0 {
		job.err = errors.New("no role that serves took this job")
	}
	for _, s := range job.down {
		job.err = fmt.Errorf("%w; role %q, which asks for jobs, is %s: %s", job.err, s.Name, s.State, s.Reason)
	}
	switch {
	case job.err != nil:
		a.answerFor(ev, name, "", job.err)
	case a.outbox.Owes(name):
		a.jobs.leave(ev, name)
	}
}

// answerFor answers a job in a role's place, unless it has been answered.
func (a *agent) answerFor(ev wire.Event, name, role string, reason error) {
	result, err := failed(ev, role, reason)
	if err != nil {
		a.log.Error("job cannot be answered", "error", err)
		return
	}
	a.keep(func(r wire.Result) error {
		err := a.outbox.Pay(name, r)
		if err == nil {
			a.jobs.note(name)
		}
		return err
	}, result)
}
