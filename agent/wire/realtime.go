package wire

import (
	"encoding/json"
	"errors"
)

// The Socket.IO events that the agent's core itself sends or reads.
const (
	EventConnectAgent  = "connect_agent"
	EventRequestConfig = "request_config"
	EventJobRun        = "quick_job_run"
	EventJobResult     = "quick_job_result"
	EventPlaybookRun   = "ansible_playbook_run"
	EventPlaybookEnd   = "ansible_playbook_cancel"
	EventTunnelStart   = "vpn_tunnel_start"
	EventTunnelStop    = "vpn_tunnel_stop"
	EventTunnelActive  = "vpn_tunnel_activity"
	EventListWindows   = "list_agent_windows"
	EventWindowList    = "agent_window_list"
)

// ConnectAgent registers a fresh socket under an agent id.
type ConnectAgent struct {
	AgentID     string `json:"agent_id"`
	ServiceMode string `json:"service_mode"`
}

// RequestConfig asks for the agent_config event.
type RequestConfig struct {
	AgentID string `json:"agent_id"`
}

// WindowList answers list_agent_windows.
type WindowList struct {
	AgentID string   `json:"agent_id"`
	Windows []Window `json:"windows"` // never null
}

// Window is one with a title.
type Window struct {
	Title  string `json:"title"`
	Handle int64  `json:"handle"`
}

// Job statuses that the agent sends. The Engine knows no others from an agent.
const (
	JobSuccess = "Success"
	JobFailed  = "Failed"
)

// JobResult is the payload of quick_job_result.
type JobResult struct {
	JobID   json.RawMessage `json:"job_id"` // the text that the job came with
	Status  string          `json:"status"`
	Stdout  string          `json:"stdout"`
	Stderr  string          `json:"stderr"`
	Context json.RawMessage `json:"context,omitempty"` // the job's object, when it had one
}

// Job is what the gate reads in a quick_job_run. Fields keeps the whole payload as text.
type Job struct {
	Fields         Object
	ID             json.RawMessage // a number or a string, as received
	TargetHostname string
	RunMode        string
	Content        string
	Encoding       string
	Signature      string
	SigAlg         string
	Context        json.RawMessage // nil unless it was an object
}

// ErrNoJobID says that a quick_job_run has no job_id, so that nothing could answer it.
var ErrNoJobID = errors.New("job without a job_id")

// ParseJob reads the payload of quick_job_run. With a *FieldError the job comes back all the same, filled as far as
// its types allow, so that it can be answered; with any other error it does not.
func ParseJob(data []byte) (Job, error) {
	fields, err := ParseObject(data)
	if err != nil {
		return Job{}, err
	}
	job := Job{Fields: fields, ID: fields["job_id"], Context: fields.Members("context")}
	if !answerable(job.ID) {
		return Job{}, ErrNoJobID
	}
	return job, job.readTexts()
}

// readTexts fills the text fields and returns the first trouble, after trying them all.
func (j *Job) readTexts() error {
	var first error
	for _, f := range []struct {
		key string
		to  *string
	}{
		{"target_hostname", &j.TargetHostname},
		{"run_mode", &j.RunMode},
		{"script_content", &j.Content},
		{"script_encoding", &j.Encoding},
		{"signature", &j.Signature},
		{"sig_alg", &j.SigAlg},
	} {
		var err error
		if *f.to, err = j.Fields.Text(f.key); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// answerable says whether a job_id is a number or a string that says something.
func answerable(id json.RawMessage) bool {
	if len(id) == 0 {
		return false
	}
	return id[0] == '-' || (id[0] >= '0' && id[0] <= '9') || (id[0] == '"' && len(id) > 2)
}
