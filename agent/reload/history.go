package reload

import (
	"fmt"
	"time"
)

// Released is the state of an Entry that says: an operator let the file out of quarantine.
const Released = "released"

// RolledBack is the state of an Entry that says: a version's first handlers all failed, and the one before serves again.
const RolledBack = "rolled_back"

// Entry is one thing that became of a role's file: a version served, was refused, was quarantined or released, or the
// role ended with its file.
type Entry struct {
	Time    time.Time `json:"time"`
	Name    string    `json:"name,omitempty"` // "" while no version of the file has served
	File    string    `json:"file"`
	State   string    `json:"state"`             // Running, Refused, Quarantined, Released, RolledBack, Stopped or OtherContext
	Version string    `json:"version,omitempty"` // the beginning of SHA256
	SHA256  string    `json:"sha256,omitempty"`  // of the file
	Reason  string    `json:"reason,omitempty"`
	// Milliseconds is how long it took from the settled file to this.
	Milliseconds int64 `json:"milliseconds"`
}

// record tells the history, before the status: who sees a state there finds its turn here. c is the content that it is
// about.
func (s *slot) record(state string, c *content, reason string, begun time.Time) {
	if s.reloader.cfg.History == nil {
		return
	}
	name := s.report().Name
	if s.running != nil {
		name = s.running.Name()
	}
	now := time.Now()
	e := Entry{
		Time: now.UTC(), Name: name, File: s.file, State: state, Reason: reason,
		Milliseconds: now.Sub(begun).Milliseconds(),
	}
	if c != nil {
		e.Version = c.version()
	}
	if c != nil && c.err == nil {
		e.SHA256 = fmt.Sprintf("%x", c.sum)
	}
	s.reloader.cfg.History(e)
}
