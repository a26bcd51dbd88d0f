package engine

import "time"

// State is where the device stands with its enrollment.
type State string

// The states of an enrollment.
const (
	StateUnenrolled  State = "not enrolled"
	StateWaiting     State = "waiting for the other process to enroll"
	StatePending     State = "waiting for approval"
	StateCodeRefused State = "enrollment code refused"
	StateDenied      State = "denied"
	StateEnrolled    State = "enrolled"
	StateRevoked     State = "revoked"
	StateForgotten   State = "unknown to the Engine"
)

// Status is what there is to say about the device and its Engine. It holds no secret.
type Status struct {
	State         State
	AgentID       string
	GUID          string
	Fingerprint   string // of the device's key
	Server        string
	Trust         Trust
	TrustOrigin   string // what vouched for the Engine when it was first trusted, "" when that is not known
	BundleRefused bool   // the Engine's own bundle does not fit its connection, so Trust stayed what it was
	SigningKey    bool   // a key for scripts is stored
	TokenExpires  time.Time
	Connected     bool
	ClockSkew     time.Duration // how far the Engine's clock is ahead
	LastError     string        // of Authenticate, "" after it succeeded
}

// Status says how things stand.
func (c *Client) Status() Status {
	s := Status{
		AgentID: c.AgentID(), Fingerprint: c.cfg.Identity.Fingerprint(), Server: c.base.String(),
		SigningKey: c.SigningKey() != nil, Connected: c.Connected(), Trust: c.door.source(), ClockSkew: c.ClockSkew(),
	}
	c.door.mu.Lock()
	s.BundleRefused, s.TrustOrigin = c.door.refused, c.door.note.Source
	c.door.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	s.State, s.GUID, s.TokenExpires, s.LastError = c.state, c.guid, c.tokens.ExpiresAt, c.lastErr
	return s
}

func (c *Client) setState(s State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = s
}
