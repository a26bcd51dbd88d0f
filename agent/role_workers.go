package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// withWorkers runs a command that tries roles without an agent: with workers of its own, until it is done or interrupted.
func withWorkers(f func(ctx context.Context, nursery *role.Nursery) error) error {
	worker, err := workerPath()
	if err != nil {
		return err
	}
	nursery := role.NewNursery(worker)
	defer nursery.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return f(ctx, nursery)
}
