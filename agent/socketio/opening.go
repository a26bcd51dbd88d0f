package socketio

import (
	"encoding/json"
	"fmt"
	"time"
)

// opening is the OPEN packet; times are in milliseconds.
type opening struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"`
	PingTimeout  int64    `json:"pingTimeout"`
	MaxPayload   int64    `json:"maxPayload"` // python-engineio before 4.4 sends none
}

func decodeOpening(f frame) (o opening, err error) {
	if kind, err := f.kind(); err != nil || f.binary || kind != engineOpen {
		return o, fmt.Errorf("%w: session does not begin with OPEN", ErrProtocol)
	}
	if err := json.Unmarshal(f.data[1:], &o); err != nil {
		return o, fmt.Errorf("%w: OPEN: %w", ErrProtocol, err)
	}
	const most = int64(24 * time.Hour / time.Millisecond)
	if o.SID == "" || min(o.PingInterval, o.PingTimeout) <= 0 || max(o.PingInterval, o.PingTimeout) > most {
		return o, fmt.Errorf("%w: OPEN without a session or with impossible ping times", ErrProtocol)
	}
	return o, nil
}

// silence is how long a living peer can be silent.
func (o opening) silence() time.Duration {
	return time.Duration(o.PingInterval+o.PingTimeout) * time.Millisecond
}

func (o opening) limit(own int64) int64 {
	if o.MaxPayload > 0 {
		return min(own, o.MaxPayload)
	}
	return own
}
