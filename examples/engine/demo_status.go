package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/enginetest"
)

const (
	stepLimit = 2 * time.Minute       // for any one thing to happen
	lookEvery = 10 * time.Millisecond // between two looks at the agent's status file
)

// agentStatus is what the demo reads of the agent's status.json.
type agentStatus struct {
	PID       int          `json:"pid"`
	Connected bool         `json:"connected"`
	GUID      string       `json:"guid"`
	LastError string       `json:"last_error"`
	Roles     []roleStatus `json:"roles"`
}

type roleStatus struct {
	Name    string   `json:"name"`
	File    string   `json:"file"`
	State   string   `json:"state"`
	Version string   `json:"version"`
	Reason  string   `json:"reason"`
	Refusal *refusal `json:"last_refusal"`
}

// refusal is a version that could not serve, while an older one does.
type refusal struct {
	Version string `json:"version"`
	Reason  string `json:"reason"`
}

// role finds a role by its file.
func (s agentStatus) role(file string) roleStatus {
	for _, r := range s.Roles {
		if r.File == file {
			return r
		}
	}
	return roleStatus{}
}

// status reads what the demo's own agent last wrote; what an earlier one left counts as nothing.
func (d *demo) status() (agentStatus, error) {
	text, err := os.ReadFile(filepath.Join(d.Home, "Agent", "Borealis", "Settings", "status.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return agentStatus{}, nil
	}
	if err != nil {
		return agentStatus{}, err
	}
	var s agentStatus
	if err := json.Unmarshal(text, &s); err != nil {
		return agentStatus{}, fmt.Errorf("status.json: %w", err)
	}
	if s.PID != d.agent.pid() {
		return agentStatus{}, nil
	}
	return s, nil
}

// until looks at the status until it is as wanted, the agent ends, the context does, or the step's time is up.
func (d *demo) until(ctx context.Context, what string, wanted func(agentStatus) (bool, error)) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	limit := time.NewTimer(stepLimit)
	defer limit.Stop()
	for {
		s, err := d.status()
		if err != nil {
			return err
		}
		if done, err := wanted(s); done || err != nil {
			return err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-d.agent.done:
			return d.agent.died()
		case <-limit.C:
			return d.lost(what, s)
		}
	}
}

// lost is the error of a step whose time is up.
func (d *demo) lost(what string, s agentStatus) error {
	err := fmt.Errorf("%s: not within %v", what, stepLimit)
	if s.LastError != "" {
		err = fmt.Errorf("%w: %s", err, s.LastError)
	}
	return withHint(err, "see the logs in %s; a runtime tree that belongs to another Engine needs another --home",
		short(filepath.Join(d.Home, "Agent", "Logs")))
}

// enroll approves the agent when it asks, and waits until it is enrolled and connected. An agent with a new key on
// this machine takes the old one's device.
func (d *demo) enroll(ctx context.Context) error {
	return d.until(ctx, "enrollment", func(s agentStatus) (bool, error) {
		for _, p := range d.engine.Pending() {
			_, err := d.engine.ApproveAs(p.Reference, enginetest.Overwrite)
			if err != nil && !errors.Is(err, enginetest.ErrNoPending) {
				return false, err
			}
		}
		d.report.Enrolled, d.report.GUID = s.GUID != "" && s.Connected, s.GUID
		return d.report.Enrolled, nil
	})
}

// awaitRoles waits until every role file in the watched directory serves, or is for another service mode. One that
// does not serve ends the round trip; who follows the log sees it there, and may mend it.
func (d *demo) awaitRoles(ctx context.Context) error {
	var last agentStatus
	err := d.until(ctx, "roles", func(s agentStatus) (bool, error) {
		last = s
		files, err := roleFiles(d.Roles)
		if err != nil || len(files) == 0 {
			return false, err
		}
		for _, file := range files {
			switch s.role(file).State {
			case "running", "other_context":
			case "refused", "quarantined":
				if !d.Once {
					continue
				}
				return false, fmt.Errorf("%s: %s: %s", file, s.role(file).State, s.role(file).Reason)
			default:
				return false, nil
			}
		}
		return true, nil
	})
	for _, r := range last.Roles {
		d.report.Roles = append(d.report.Roles, roleState{r.Name, r.State})
		d.say("role", "%s %s, from %s", r.Name, r.State, r.File)
	}
	return err
}

// roleFiles lists the role files of a directory, which the agent may yet have to make.
func roleFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		if strings.HasPrefix(name, "role_") && strings.HasSuffix(name, ".lua") && !strings.HasSuffix(name, "_test.lua") {
			files = append(files, e.Name())
		}
	}
	return files, nil
}
