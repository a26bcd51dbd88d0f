package main

import (
	"encoding/json"
	"sync"
)

// answers remembers which jobs have been answered, so that a job which came to nothing is answered in its role's
// place, and a true result is never followed by a made one. It remembers the last maxAnswers.
type answers struct {
	mu    sync.Mutex
	known map[string]bool
	order []string
}

const maxAnswers = 4096

// jobID is the part of a job and of its result that joins them.
func jobID(data json.RawMessage) string {
	var job struct {
		ID json.RawMessage `json:"job_id"`
	}
	if json.Unmarshal(data, &job) != nil {
		return ""
	}
	return string(job.ID)
}

// note takes down that a job was answered.
func (a *answers) note(job string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if job == "" || a.known[job] {
		return
	}
	if a.known == nil {
		a.known = map[string]bool{}
	}
	a.known[job] = true
	a.order = append(a.order, job)
	if len(a.order) > maxAnswers {
		delete(a.known, a.order[0])
		a.order = a.order[1:]
	}
}

func (a *answers) has(job string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[job]
}
