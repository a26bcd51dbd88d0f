package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
	"github.com/bunny-lab-io/borealis-agent/agent/gate"
	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// agent is a device without roles: it answers each admitted job with the job's own script.
type agent struct {
	t      *testing.T
	client *engine.Client
	gate   *gate.Gate
	events chan wire.Event
}

func (a *agent) Event(ev wire.Event) { a.events <- ev }

// newAgent is a device in a folder of its own, with a process in it that converses and answers until the test ends.
func newAgent(t *testing.T, e *enginetest.Engine) *agent {
	t.Helper()
	cfg, _ := configIn(t, e, t.TempDir())
	cfg.RootCAs = e.RootPEM()
	client := clientOf(t, cfg)
	a := &agent{t: t, client: client, events: make(chan wire.Event, 100)}
	a.gate = gate.New(gate.Config{Hostname: "lab-node-07", Mode: wire.System, AgentID: client.AgentID, SigningKey: client.SigningKey, Ledger: everyJob{}})
	ctx, cancel := context.WithCancel(context.Background())
	conversed, answered := make(chan error, 1), make(chan struct{})
	go func() { conversed <- client.Converse(ctx, a) }()
	go a.answer(ctx, answered)
	t.Cleanup(func() {
		cancel()
		<-answered
		if err := <-conversed; !errors.Is(err, context.Canceled) {
			t.Errorf("conversation: %v", err)
		}
	})
	return a
}

func (a *agent) answer(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	for {
		select {
		case <-ctx.Done():
			return
		case ev := <-a.events:
			a.handle(ctx, ev)
		}
	}
}

func (a *agent) handle(ctx context.Context, ev wire.Event) {
	admitted, err := a.gate.Admit(ev)
	var refusal *gate.Refusal
	var data []byte
	switch {
	case errors.As(err, &refusal):
		data = refusal.Result.Data
	case err != nil || ev.Name != wire.EventJobRun:
		return
	default:
		fields, _ := wire.ParseObject(admitted.Data)
		data = []byte(`{"job_id":` + string(fields["job_id"]) + `,"status":"Success","stdout":"` + string(admitted.Bytes["script"]) + `","stderr":""}`)
	}
	if a.client.WaitConnected(ctx) != nil { // a job may come before the conversation has settled
		return
	}
	if err := a.client.Emit(ctx, wire.EventJobResult, data); err != nil && ctx.Err() == nil {
		a.t.Errorf("result: %v", err)
	}
}

// everyJob is a ledger for a process that lives no longer than its jobs.
type everyJob struct{}

func (everyJob) Begin([32]byte, json.RawMessage, wire.Result) error { return nil }

// TestAgainstTheEmbeddedEngine goes the whole way: enrollment, a signed job and its result, a forged one, tokens that
// are revoked, a session that is cut.
func TestAgainstTheEmbeddedEngine(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	e := enginetest.Start(t, enginetest.Config{})
	a := newAgent(t, e)
	pending, err := e.WaitPending(ctx)
	if err != nil {
		t.Fatal(err)
	}
	device, err := e.Approve(pending.Reference)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.WaitConnected(ctx, "lab-node-07"); err != nil {
		t.Fatal(err)
	}
	if s := a.client.Status(); s.GUID != device.GUID || s.Trust != engine.TrustPinned || s.State != engine.StateEnrolled {
		t.Errorf("status %+v, device %+v", s, device)
	}
	run := func(job enginetest.Job) enginetest.Result {
		t.Helper()
		id, err := e.Send(job)
		if err != nil {
			t.Fatal(err)
		}
		result, err := e.Result(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	if r := run(enginetest.Job{TargetHostname: "LAB-NODE-07", Script: []byte("echo tern-7")}); r.Status != "Success" || r.Stdout != "echo tern-7" {
		t.Errorf("a signed job: %+v", r)
	}
	forged := enginetest.Job{TargetHostname: "lab-node-07", Script: []byte("echo a"), Tamper: func(p map[string]any) { p["script_content"] = "ZWNobyBi" }}
	if r := run(forged); r.Status != "Failed" || r.Stderr == "" {
		t.Errorf("a forged job: %+v", r)
	}
	if err := e.RevokeTokens(device.GUID); err != nil {
		t.Fatal(err)
	}
	if err := a.client.Post(ctx, wire.PathHeartbeat, nil, nil); !errors.Is(err, engine.ErrNotEnrolled) {
		t.Errorf("with revoked tokens: %v, want ErrNotEnrolled", err)
	}
	if err := e.Disconnect(a.client.AgentID()); err != nil {
		t.Fatal(err)
	}
	if pending, err = e.WaitPending(ctx); err != nil {
		t.Fatal(err)
	}
	if again, err := e.Approve(pending.Reference); err != nil || again.GUID != device.GUID {
		t.Fatalf("approved again as %+v, %v; want the same GUID", again, err)
	}
	if _, err := e.WaitConnected(ctx, "lab-node-07"); err != nil {
		t.Fatal(err)
	}
	if r := run(enginetest.Job{TargetHostname: "lab-node-07", Script: []byte("echo again")}); r.Status != "Success" {
		t.Errorf("after the second enrollment: %+v", r)
	}
}
