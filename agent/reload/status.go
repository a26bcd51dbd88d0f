package reload

import (
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/role"
)

// States of a role's file.
const (
	Loading      = "loading"       // a first version is coming to life
	Running      = "running"       // a version serves
	Refused      = "refused"       // no version serves; the reason says why
	OtherContext = "other_context" // not for this service mode; never executed
	Restarting   = "restarting"    // the worker died; another start is due
	Quarantined  = "quarantined"   // it died too often; new content releases it, and so may an operator
	Stopped      = "stopped"       // the file is gone
)

// Status is how one role's file is.
type Status struct {
	Name    string `json:"name"`
	File    string `json:"file"`
	State   string `json:"state"`
	Version string `json:"version,omitempty"`
	Reason  string `json:"reason,omitempty"`
	PID     int    `json:"pid,omitempty"`
	Since   int64  `json:"since"` // Unix seconds
	// Grants are what the version declares; Withheld those of them that are not allowed on this machine.
	Grants   []string `json:"grants,omitempty"`
	Withheld []string `json:"withheld,omitempty"`
	// Lockdown is "full" or "partial"; Weak is what the role's worker could not get of it on this machine.
	Lockdown string   `json:"lockdown,omitempty"`
	Weak     []string `json:"weak,omitempty"`
	Refusal  *Refusal `json:"last_refusal,omitempty"`
}

// Refusal is the last version of a file that could not serve, while an older one does.
type Refusal struct {
	Version string `json:"version"`
	Reason  string `json:"reason"`
	At      int64  `json:"at"` // Unix seconds
}

// say changes the slot's state while no version serves.
func (s *slot) say(state, reason string) {
	about, refusal := s.tried, (*Refusal)(nil)
	s.mu.Lock()
	if state == Restarting || state == Quarantined { // then what served is meant, whatever was refused since
		about, refusal = s.serving, s.status.Refusal
	}
	s.status = Status{Name: s.status.Name, File: s.file, State: state, Reason: reason, Since: time.Now().Unix(), Refusal: refusal}
	if about != nil {
		s.status.Version = about.version()
	}
	s.mu.Unlock()
	s.reloader.cfg.Changed()
}

// serve notes that a version serves, with a remark, and what of the file was refused meanwhile.
func (s *slot) serve(r *role.Role, remark string, refusal *Refusal) {
	s.mu.Lock()
	s.status = Status{
		Name: r.Name(), File: s.file, State: Running, Version: r.Manifest().Version(), PID: r.PID(), Reason: remark, Refusal: refusal,
		Since: time.Now().Unix(), Weak: r.Manifest().Missing, Grants: r.Manifest().Grants, Withheld: r.Manifest().Withheld,
		Lockdown: r.Manifest().Lockdown(),
	}
	s.asked = r.Events()
	s.mu.Unlock()
	s.reloader.cfg.Changed()
}

// refuse notes that a content cannot serve. What runs goes on.
func (s *slot) refuse(c *content, err error) {
	s.reloader.cfg.Log.Error("role refused", "file", s.file, "version", c.version(), "error", err, "goes_on", s.running != nil)
	if s.running == nil {
		s.say(Refused, err.Error())
		return
	}
	s.mu.Lock()
	s.status.Refusal = &Refusal{Version: c.version(), Reason: err.Error(), At: time.Now().Unix()}
	s.mu.Unlock()
	s.reloader.cfg.Changed()
}

// refusal is why the content that was tried last does not serve.
func (s *slot) refusal() *Refusal {
	now := s.report()
	if now.State == Refused {
		return &Refusal{Version: now.Version, Reason: now.Reason, At: now.Since}
	}
	return now.Refusal
}

// forgive forgets a refusal: the file is again what runs.
func (s *slot) forgive() {
	s.mu.Lock()
	was := s.status
	s.status.Refusal, s.status.Reason = nil, ""
	s.mu.Unlock()
	if was.Refusal != nil || was.Reason != "" {
		s.reloader.cfg.Changed()
	}
}

func (s *slot) report() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}
