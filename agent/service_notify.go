package main

import (
	"context"
	"sync"
)

// supervised tells the system that the agent is ready, once its roles are, and that it lives: for as long as each of its
// parts says how it is.
func (a *agent) supervised(ctx context.Context) error {
	if a.user != nil { // the machine's half speaks for both
		<-ctx.Done()
		return nil
	}
	a.ready.wait()
	if err := a.supervisor.Ready(); err != nil {
		return err
	}
	var proof sync.WaitGroup
	defer proof.Wait()
	proof.Go(func() {
		if err := a.proveReplacement(ctx); err != nil {
			a.log.Error("the replacement of the programs is not at its end", "error", err)
		}
	})
	return a.supervisor.Live(ctx, func() { a.status() })
}
