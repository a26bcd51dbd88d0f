package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/engine"
	"github.com/bunny-lab-io/borealis-agent/agent/outbox"
)

// narrow is a way to an Engine that takes no more than some bytes.
type narrow struct {
	limit int
	sent  []string
}

func (n *narrow) Send(ctx context.Context, event string, data json.RawMessage) (func(context.Context) error, error) {
	return func(context.Context) error { return nil }, n.Emit(ctx, event, data)
}

func (n *narrow) Emit(_ context.Context, event string, data json.RawMessage) error {
	if len(data) > n.limit {
		return fmt.Errorf("%w: at most %d bytes", engine.ErrTooLarge, n.limit)
	}
	n.sent = append(n.sent, event+string(data))
	return nil
}

func TestAResultThatIsTooLargeIsAnsweredAsFailed(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for name, c := range map[string]struct {
		event, data string
		sent        string // "" = refused
	}{
		"fits":        {"quick_job_result", `{"job_id": 7.0}`, `{"job_id": 7.0}`},
		"a job":       {"quick_job_result", `{"job_id":7,"status":"Success","stdout":"` + long + `","stderr":"","context":{"a":1.0}}`, `{"job_id":7,"status":"Failed","stdout":"","stderr":"the job ended, but its result of 1075 bytes can not be sent: the event is over the message limit: at most 500 bytes","context":{"a":1.0}}`},
		"its context": {"quick_job_result", `{"job_id":7,"context":{"a":"` + long + `"}}`, ""},
		"no object":   {"quick_job_result", `"` + long + `"`, `{"job_id":null,"status":"Failed","stdout":"","stderr":"the job ended, but its result of 1002 bytes can not be sent: the event is over the message limit: at most 500 bytes"}`},
		"no job":      {"inventory", `"` + long + `"`, ""},
	} {
		n := &narrow{limit: 500}
		received, err := delivery{n}.Send(t.Context(), c.event, json.RawMessage(c.data))
		switch {
		case c.sent == "":
			if !errors.Is(err, outbox.ErrRefused) || len(n.sent) > 0 {
				t.Errorf("%s: %v, %q; want a refusal", name, err, n.sent)
			}
		case err != nil || received == nil || len(n.sent) != 1 || n.sent[0] != c.event+c.sent:
			t.Errorf("%s: %v, %q; want %q", name, err, n.sent, c.sent)
		}
	}
}

func FuzzTooLarge(f *testing.F) {
	f.Add([]byte(`{"job_id":7,"status":"Success","context":{"a":1.0}}`))
	f.Add([]byte(`{"job_id":{"a":[]},"stdout":5,"context":"text"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return // the outbox takes none
		}
		var result struct{ Status, Stderr string }
		if err := json.Unmarshal(tooLarge(data, errors.New("reason")), &result); err != nil || result.Status != "Failed" || !strings.Contains(result.Stderr, "reason") {
			t.Errorf("%q is answered by %+v, %v", data, result, err)
		}
	})
}
