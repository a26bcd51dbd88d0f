package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/outbox"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// delivery is the way from the outbox to the Engine, for what can never arrive too.
type delivery struct{ outbox.Sender }

// Send sends a result. In the place of a job's result that is over the Engine's message limit goes one that says so.
func (d delivery) Send(ctx context.Context, event string, data json.RawMessage) (func(context.Context) error, error) {
	received, err := d.Sender.Send(ctx, event, data)
	if !errors.Is(err, engine.ErrTooLarge) {
		return received, err
	}
	if event == wire.EventJobResult {
		if received, again := d.Sender.Send(ctx, event, tooLarge(data, err)); !errors.Is(again, engine.ErrTooLarge) {
			return received, again
		}
	}
	return nil, fmt.Errorf("%w: %w", outbox.ErrRefused, err)
}

// tooLarge is the result of a job whose own result was too large.
func tooLarge(data json.RawMessage, reason error) json.RawMessage {
	var result wire.JobResult
	_ = json.Unmarshal(data, &result) // what it cannot read stays empty, and the outbox holds nothing that is no JSON
	result.Status, result.Stdout = wire.JobFailed, ""
	result.Stderr = fmt.Sprintf("the job ended, but its result of %d bytes can not be sent: %v", len(data), reason)
	text, err := json.Marshal(result)
	if err != nil {
		return data
	}
	return text
}
