package gate

import (
	"encoding/json"
	"fmt"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// asJob are the fields of a playbook by the names that a job has for them. What the two have in common keeps its name.
var asJob = map[string]string{
	"activity_job_id":   "job_id",
	"playbook_content":  "script_content",
	"playbook_encoding": "script_encoding",
	"playbook_name":     "script_name",
	"playbook_path":     "script_path",
}

// playbook admits an ansible_playbook_run as the job that it is, of the type "ansible": its playbook is run as a script
// is, and must be signed as one. The Engine of the contract does not sign it; an operator may let that pass.
func (g *Gate) playbook(ev wire.Event) (wire.Event, error) {
	fields, err := wire.ParseObject(ev.Data)
	if err != nil {
		return wire.Event{}, fmt.Errorf("event %q: %w: %w", ev.Name, ErrMalformed, err)
	}
	host, err := fields.Text("target_hostname")
	if err != nil || !g.ours(host) {
		return wire.Event{}, ErrNotOurs
	}
	job := wire.Object{}
	for name, value := range fields {
		if _, other := asJob[name]; !other {
			job[name] = value
		}
	}
	for name, jobs := range asJob {
		delete(job, jobs) // of a playbook it means nothing
		if value, ok := fields[name]; ok {
			job[jobs] = value
		}
	}
	job["script_type"], job["run_mode"] = json.RawMessage(`"ansible"`), json.RawMessage(`"`+modeSystem+`"`)
	if id := job["job_id"]; len(id) == 0 || string(id) == "null" {
		job["job_id"] = fields["run_id"] // a run that is no activity is known by its own name
	}
	data, err := json.Marshal(job)
	if err != nil {
		return wire.Event{}, fmt.Errorf("event %q: %w: %w", ev.Name, ErrMalformed, err)
	}
	return g.job(wire.Event{Name: wire.EventJobRun, Data: data, At: ev.At}, g.cfg.UnsignedPlaybooks)
}
