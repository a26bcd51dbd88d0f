package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/memory"
)

// How the five seconds of an orderly end are shared out: roles first, since their last results still go into the
// outbox; then the way to the Engine.
const (
	rolesEnd  = 3 * time.Second
	engineEnd = 1 * time.Second
)

// rest is how often the core gives back what idling does not need; it is awake that often anyway.
const rest = 15 * time.Second

// run runs all parts until ctx ends, and ends them in order.
func (a *agent) run(ctx context.Context) error {
	a.log.Info("agent starts", "version", version, "mode", string(a.mode), "agent_id", a.engine.AgentID())
	network, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	var parts sync.WaitGroup
	for name, part := range map[string]func(context.Context) error{
		"calls":        a.engine.Run,
		"conversation": func(ctx context.Context) error { return a.engine.Converse(ctx, hiding{a}) },
		"outbox":       func(ctx context.Context) error { return a.outbox.Run(ctx, delivery{a.engine}) },
		"unkept":       a.unkept.run,
		"status":       a.tellStatus,
		"left jobs":    a.answerLeft,
		"policy":       a.followPolicy,
		"control":      a.serveControl,
		"supervisor":   a.supervised,
	} {
		parts.Go(func() { a.tend(network, name, part) })
	}
	var user sync.WaitGroup
	if a.users != nil {
		user.Go(func() { a.users.run(ctx) })
	}
	if a.user == nil { // one for both halves
		parts.Go(func() { memory.Thrift().Keep(network, rest) })
	}
	a.reload.Run(ctx, func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.WithoutCancel(ctx), rolesEnd)
	})
	user.Wait()
	a.sendLast()
	a.ready.now() // nothing is left to wait for
	hangUp()
	a.await(&parts)
	a.log.Info("agent ended")
	return nil
}

// await gives the parts their time to end; what does not end in it ends with the process.
func (a *agent) await(parts *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() {
		parts.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(engineEnd):
		a.log.Warn("the way to the Engine did not end in time")
	}
}

// tend keeps one part going: what ends by itself is said and begun again after a while, since an operator may have
// mended what it ended of.
func (a *agent) tend(ctx context.Context, name string, part func(context.Context) error) {
	const pause = 15 * time.Second
	for {
		err := part(ctx)
		if ctx.Err() != nil {
			return
		}
		if !errors.Is(err, context.Canceled) {
			a.log.Error("part ended", "part", name, "error", err, "again_in", pause)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
