package main

import (
	"context"
	"errors"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// assembleHalf makes the user's half of an agent in mode SYSTEM: an agent of its own towards the Engine and its roles,
// in the tree and the logs of the other.
func assembleHalf(ctx context.Context, u *users) (a *agent, err error) {
	s := u.system
	a = &agent{
		mode: wire.CurrentUser, hostname: s.hostname, tree: s.tree, logs: s.logs, level: s.level, user: u,
		log: s.log.With("mode", string(wire.CurrentUser)), started: time.Now(), allowAll: s.allowAll, ready: newReady(),
		changed: make(chan struct{}, 1),
	}
	for _, step := range []func(context.Context, *runCmd) error{
		a.openEngine, a.openOutbox, a.openTunnels, a.openGate, a.openPolicy, a.openRoles,
	} {
		if err := step(ctx, &u.cmd); err != nil {
			return nil, errors.Join(err, a.close())
		}
	}
	return a, nil
}

// userServed says whether somebody else serves the user's jobs: an agent that the user runs, or this one's half.
func (a *agent) userServed() bool {
	return a.users.other() != nil || a.tree.Present(string(wire.CurrentUser))
}

// metrics are those of the machine, and whose session this is.
func (a *agent) metrics(ctx context.Context) wire.Metrics {
	m := metrics(ctx)
	if a.user != nil {
		if h := a.user.served(); h != nil {
			m.Username = h.Session().User
		}
	}
	return m
}

// sendLast gives what the user's last jobs came to the time to reach the Engine: it may be long until the next login.
// The machine's results wait for the next start instead.
func (a *agent) sendLast() {
	if a.user == nil {
		return
	}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for late := time.After(engineEnd); a.outbox.Len() > 0; {
		select {
		case <-look.C:
		case <-late:
			return
		}
	}
}

// dataDir is where the roles of the user's half keep things: in the user's home, or nowhere.
func (u *users) dataDir() string {
	if h := u.served(); h != nil {
		return h.DataDir()
	}
	return ""
}
