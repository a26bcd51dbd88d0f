package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// healthTime is what a role has for saying how it is when somebody asks for the status.
const healthTime = 2 * time.Second

// roleHealth is how a role that serves is, by its own word and by what the agent counts.
type roleHealth struct {
	Status   string         `json:"status"` // the role's own word, or "unhealthy"
	Detail   string         `json:"detail,omitempty"`
	Handled  int64          `json:"handled"`
	Failed   int64          `json:"failed"`
	Full     int64          `json:"full"` // events that were refused
	Waiting  int            `json:"waiting"`
	UnderWay int            `json:"under_way"`
	Open     map[string]int `json:"open,omitempty"` // what the role keeps open, by kind
}

// liveStatus is what only a running agent can tell.
type liveStatus struct {
	status
	TokenReceived int64                 `json:"token_received,omitempty"`
	Health        map[string]roleHealth `json:"health"` // by the role's name
}

// tellLive answers the command status.
func (a *agent) tellLive(ctx context.Context, _ json.RawMessage) (any, error) {
	live := liveStatus{status: a.status(), Health: a.askHealth(ctx)}
	if tok, err := a.tree.Tokens(); err == nil && !tok.BoundAt.IsZero() { // what keeps it from being read is among the errors
		live.TokenReceived = tok.BoundAt.Unix()
	}
	return live, nil
}

// askHealth asks all roles at once, so that one that hangs holds up nobody else.
func (a *agent) askHealth(ctx context.Context) map[string]roleHealth {
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	said := map[string]roleHealth{}
	var mu sync.Mutex
	var asked sync.WaitGroup
	for name, r := range a.table.Roles() {
		asked.Go(func() {
			h := r.(*role.Role).Health(ctx)
			mu.Lock()
			defer mu.Unlock()
			said[name] = roleHealth{h.Status, h.Detail, h.Handled, h.Failed, h.Full, h.Waiting, h.UnderWay, h.Open}
		})
	}
	asked.Wait()
	return said
}

// healthRows are the lines of the overview about the roles' health.
func healthRows(health map[string]roleHealth) (rows [][2]string) {
	for _, name := range slices.Sorted(maps.Keys(health)) {
		h := health[name]
		text := fmt.Sprintf("%s, %d events handled, %d failed, %d waiting, %d under way", h.Status, h.Handled, h.Failed, h.Waiting, h.UnderWay)
		if h.Full > 0 {
			text += fmt.Sprintf(", %d refused because too many waited", h.Full)
		}
		if h.Detail != "" {
			text += ": " + h.Detail
		}
		rows = append(rows, [2]string{name, text})
	}
	return rows
}
