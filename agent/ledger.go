package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/gate"
	"github.com/bunny-lab-io/borealis-agent/agent/outbox"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// ledger is the outbox in the eyes of the gate: a job that begins owes a result.
type ledger struct{ outbox *outbox.Outbox }

// Begin notes a job on disk.
func (l ledger) Begin(key [32]byte, id json.RawMessage, will wire.Result) error {
	err := l.outbox.Owe(outbox.Debt{Key: key, Name: jobName(id), Will: will})
	if errors.Is(err, outbox.ErrKnown) {
		return fmt.Errorf("%w: %w", gate.ErrReplay, err)
	}
	return err
}

// jobOf is the name of the job that a payload is about, and whether it closes the job when the payload is a result.
func jobOf(data json.RawMessage) (name string, closes bool) {
	var job struct {
		ID     json.RawMessage `json:"job_id"`
		Status any             `json:"status"`
	}
	if json.Unmarshal(data, &job) != nil {
		return "", false
	}
	status, _ := job.Status.(string)
	return jobName(job.ID), !strings.EqualFold(strings.TrimSpace(status), "running")
}

// jobName joins a job and its result, whose ids need not have the same text: a number may have been through Lua.
func jobName(id json.RawMessage) string {
	text := string(bytes.Trim(id, `"`))
	if n, err := strconv.ParseFloat(text, 64); err == nil && n == float64(int64(n)) {
		return strconv.FormatInt(int64(n), 10)
	}
	return text
}
