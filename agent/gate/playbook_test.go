package gate

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

const tasks = "- hosts: local\n  tasks: []\n"

// run is an ansible_playbook_run of the contract, with changes; nil takes a field away.
func run(changes map[string]any) wire.Event {
	fields := map[string]any{
		"run_id": "5b0e3c6f9a1d4e7f8c2b1a0d9e8f7c6b", "target_hostname": "LAB-PC7", "playbook_name": "Noop",
		"playbook_content": base64.StdEncoding.EncodeToString([]byte(tasks)), "playbook_encoding": "base64", "activity_job_id": 4720,
		"scheduled_job_id": 9, "scheduled_run_id": 31, "connection": "winrm", "variables": []any{}, "files": []any{},
		"variable_values": map[string]any{"count": 3}, "context": map[string]any{"scheduled_job_id": 9, "scheduled_job_run_id": 31},
	}
	maps.Copy(fields, changes)
	for name, value := range fields {
		if value == nil {
			delete(fields, name)
		}
	}
	data, _ := json.Marshal(fields)
	return wire.Event{Name: wire.EventPlaybookRun, Data: data}
}

func lenient(c *Config) { c.UnsignedPlaybooks = true }

func TestAPlaybookIsAJob(t *testing.T) {
	for name, c := range map[string]struct {
		gate    *Gate
		changes map[string]any
		id      string
	}{
		"signed":                  {newGate(wire.System), map[string]any{"signature": sign(tasks), "sig_alg": "ed25519"}, "4720"},
		"unsigned, and let pass":  {newGate(wire.System, lenient), nil, "4720"},
		"signed all the same":     {newGate(wire.System, lenient), map[string]any{"signature": sign(tasks)}, "4720"},
		"without an activity":     {newGate(wire.System, lenient), map[string]any{"activity_job_id": nil}, `"5b0e3c6f9a1d4e7f8c2b1a0d9e8f7c6b"`},
		"an activity of null":     {newGate(wire.System, lenient), map[string]any{"activity_job_id": json.RawMessage("null")}, `"5b0e3c6f9a1d4e7f8c2b1a0d9e8f7c6b"`},
		"as text":                 {newGate(wire.System, lenient), map[string]any{"playbook_content": tasks, "playbook_encoding": "text"}, "4720"},
		"with fields of a script": {newGate(wire.System, lenient), map[string]any{"script_content": "LQ==", "job_id": 1, "script_type": "bash", "run_mode": "current_user"}, "4720"},
	} {
		ev, err := c.gate.Admit(run(c.changes))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		fields, _ := wire.ParseObject(ev.Data)
		if ev.Name != wire.EventJobRun || string(ev.Bytes["script"]) != tasks || string(fields["job_id"]) != c.id {
			t.Errorf("%s: %s %s %q", name, ev.Name, ev.Data, ev.Bytes)
		}
		for field, want := range map[string]string{
			"script_type": `"ansible"`, "run_mode": `"system"`, "script_name": `"Noop"`, "connection": `"winrm"`, "variable_values": `{"count":3}`,
			"playbook_content": "", "script_content": "", "signature": "", "run_id": `"5b0e3c6f9a1d4e7f8c2b1a0d9e8f7c6b"`,
		} {
			if string(fields[field]) != want {
				t.Errorf("%s: %s is %s, want %s", name, field, fields[field], want)
			}
		}
	}
}

func TestAPlaybookThatMayNotRun(t *testing.T) {
	for name, c := range map[string]struct {
		gate    *Gate
		changes map[string]any
		reason  string
	}{
		"unsigned":                      {newGate(wire.System), nil, "the script is not signed"},
		"signed by somebody else":       {newGate(wire.System, lenient), map[string]any{"signature": sign("- hosts: all\n")}, "does not fit"},
		"no signature at all":           {newGate(wire.System, lenient), map[string]any{"signature": "x"}, "not an Ed25519 signature"},
		"no base64":                     {newGate(wire.System, lenient), map[string]any{"playbook_content": "%"}, "not valid base64"},
		"content of another kind":       {newGate(wire.System, lenient), map[string]any{"playbook_content": 5}, "script_content"},
		"unsigned without any activity": {newGate(wire.System), map[string]any{"activity_job_id": nil}, "not signed"},
	} {
		_, err := c.gate.Admit(run(c.changes))
		var refused *Refusal
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, c.reason) || refused.Result.Event != wire.EventJobResult {
			t.Errorf("%s: %v, want %q", name, err, c.reason)
		}
	}
	for name, c := range map[string]struct {
		gate *Gate
		ev   wire.Event
		err  error
	}{
		"another host":   {newGate(wire.System, lenient), run(map[string]any{"target_hostname": "other"}), ErrNotOurs},
		"the user's":     {newGate(wire.CurrentUser, lenient), run(nil), ErrNotOurs},
		"nobody to tell": {newGate(wire.System, lenient), run(map[string]any{"activity_job_id": nil, "run_id": nil}), ErrMalformed},
	} {
		if _, err := c.gate.Admit(c.ev); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
	twice := newGate(wire.System, lenient)
	if _, err := twice.Admit(run(nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := twice.Admit(run(nil)); !errors.Is(err, ErrReplay) {
		t.Errorf("the very same again: %v", err)
	}
}
