package tunnel

import (
	"strconv"
	"strings"
	"time"
)

// State is how a session is.
type State struct {
	ID        string
	Address   string // ours in the tunnel
	Engine    string // the Engine's
	Endpoint  string // where the Engine's packets come from, as far as is known
	Opened    time.Time
	Handshake *time.Time // the last one; nil before the first
	Interface *string    // of this machine; nil without one
	Sent      int64      // bytes of WireGuard
	Received  int64

	Connections int   // open now
	Accepted    int64 // so far
	Refused     int64
	ToEngine    int64 // bytes of forwarded connections
	ToMachine   int64
}

// State looks at the session.
func (s *Session) State() State {
	n := s.net
	n.mu.Lock()
	open := n.busy
	n.mu.Unlock()
	state := State{
		ID: s.offer.TunnelID, Address: n.self.String(), Engine: n.peer.String(), Opened: s.opened, Connections: open,
		Accepted: n.count.accepted.Load(), Refused: n.count.refused.Load(),
		ToEngine: n.count.toEngine.Load(), ToMachine: n.count.toMachine.Load(),
	}
	if n.machine != nil {
		if name, err := n.machine.Name(); err == nil {
			state.Interface = &name
		}
	}
	if text, err := s.device.IpcGet(); err == nil {
		state.read(text)
	}
	return state
}

// read takes what WireGuard says of its one peer.
func (s *State) read(text string) {
	var handshake int64
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		number, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "endpoint":
			s.Endpoint = value
		case "tx_bytes":
			s.Sent = number
		case "rx_bytes":
			s.Received = number
		case "last_handshake_time_sec":
			handshake += number * int64(time.Second)
		case "last_handshake_time_nsec":
			handshake += number
		}
	}
	if handshake > 0 {
		at := time.Unix(0, handshake)
		s.Handshake = &at
	}
}
