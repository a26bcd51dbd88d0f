package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/reload"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Heartbeats come once a minute; roles are asked how they are less often than that, since each question wakes a worker.
const reportEvery = 5 * time.Minute

// maxDetail is how many bytes of a role's own words go into a heartbeat.
const maxDetail = 300

// reports keeps what roles said of themselves.
type reports struct {
	mu   sync.Mutex
	said map[string]roleHealth // by the role's name
	at   time.Time
}

// rolesReported is how the roles are, for a heartbeat: whether they serve as it is now, their own words as of a while ago.
func (a *agent) rolesReported(ctx context.Context) []wire.RoleState {
	where := a.place().Context
	said, at := a.reported(ctx)
	states := []wire.RoleState{}
	for _, s := range a.reload.Status() {
		code, detail, checked := codeOf(s.State), s.Reason, s.Since
		if code == "" {
			continue
		}
		if h, asked := said[s.Name]; asked && s.State == reload.Running && at.Unix() >= s.Since {
			code, detail, checked = h.Status, h.Detail, at.Unix()
		}
		states = append(states, stateOf(where, s, code, detail, checked))
	}
	return states
}

func (a *agent) reported(ctx context.Context) (map[string]roleHealth, time.Time) {
	r := &a.reports
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.at) >= reportEvery {
		r.said, r.at = a.askHealth(ctx), time.Now()
	}
	return r.said, r.at
}

func stateOf(where string, s reload.Status, code, detail string, checked int64) wire.RoleState {
	name := s.Name
	if name == "" {
		name = s.File // it was not read so far
	}
	return wire.RoleState{
		ID: where + ":" + name, Name: name, Label: name, Context: where,
		Code: code, Status: code, Detail: strings.ToValidUTF8(detail[:min(len(detail), maxDetail)], ""), CheckedAt: checked,
	}
}

// codeOf is the status of a role that says nothing of itself; "" for what is no role of this agent.
func codeOf(state string) string {
	switch state {
	case reload.Running:
		return "healthy"
	case reload.Loading:
		return "pending"
	case reload.Restarting:
		return "recovering"
	case reload.Refused, reload.Quarantined:
		return "unhealthy"
	}
	return ""
}
