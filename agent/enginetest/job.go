package enginetest

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Job is a script to run somewhere.
type Job struct {
	TargetHostname string            `json:"target_hostname"` // empty: every agent takes it
	ScriptType     string            `json:"script_type"`     // default bash
	ScriptName     string            `json:"script_name"`     // default Script
	RunMode        string            `json:"run_mode"`        // default system
	Script         []byte            `json:"script"`
	Environment    map[string]string `json:"environment,omitempty"`
	Variables      []Variable        `json:"variables,omitempty"`
	TimeoutSeconds int               `json:"timeout_seconds"`   // 0: none
	Context        map[string]any    `json:"context,omitempty"` // default: an assembly run by hand

	// Tamper edits the payload after it was signed, for tests of what an agent refuses.
	Tamper func(payload map[string]any) `json:"-"`
}

func (j Job) withDefaults() Job {
	if j.ScriptType == "" {
		j.ScriptType = "bash"
	}
	if j.ScriptName == "" {
		j.ScriptName = "Script"
	}
	if j.RunMode == "" {
		j.RunMode = "system"
	}
	if j.Context == nil {
		j.Context = map[string]any{"assembly_source": "runtime"}
	}
	if j.Variables == nil {
		j.Variables = []Variable{}
	}
	if j.ScriptType == "powershell" {
		j.Script = []byte(substitute(strings.ReplaceAll(string(j.Script), "\r\n", "\n"), j))
	}
	return j
}

// Send signs a job and broadcasts it to every socket as quick_job_run. It does not wait for anybody to take it.
func (e *Engine) Send(j Job) (jobID int64, err error) {
	j = j.withDefaults()
	err = e.store.db.QueryRow(`INSERT INTO jobs (hostname, name, type, status, sent_at) VALUES (?, ?, ?, 'Running', ?) RETURNING id`,
		j.TargetHostname, j.ScriptName, j.ScriptType, e.now().Unix()).Scan(&jobID)
	if err != nil {
		return 0, err
	}
	payload := e.payload(j, jobID)
	if j.Tamper != nil {
		j.Tamper(payload)
	}
	if err := e.hub.server.Broadcast("quick_job_run", payload); err != nil {
		return jobID, fmt.Errorf("job %d: %w", jobID, err)
	}
	return jobID, e.noteActivity(jobID, j.TargetHostname, object{"change": "created"})
}

// payload is the job as the wire has it: the signature covers the script's bytes and nothing else.
func (e *Engine) payload(j Job, jobID int64) map[string]any {
	encode := base64.StdEncoding.EncodeToString
	return map[string]any{
		"job_id": jobID, "target_hostname": j.TargetHostname, "run_mode": strings.ToLower(j.RunMode),
		"script_type": j.ScriptType, "script_name": j.ScriptName, "script_path": "Scripts/" + j.ScriptName + ".json",
		"script_content": encode(j.Script), "script_encoding": "base64",
		"environment": environment(j), "variables": j.Variables, "timeout_seconds": j.TimeoutSeconds, "files": []any{},
		"admin_user": "", "admin_pass": "", "context": j.Context,
		"signature": encode(e.Sign(j.Script)), "sig_alg": "ed25519", "signing_key": e.signingKeyText(),
	}
}

// noteActivity tells the web interface of a job; agents receive it too and have to ignore it.
func (e *Engine) noteActivity(jobID int64, hostname string, note object) error {
	note["activity_id"], note["hostname"], note["source"] = jobID, hostname, "quick_job"
	return e.hub.server.Broadcast("device_activity_changed", note)
}
