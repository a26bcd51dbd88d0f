package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

// Connected tells whether a socket is registered under an agent id.
func (e *Engine) Connected(agentID string) bool { return e.hub.socket(agentID) != nil }

// WaitConnected waits for a socket registered under an agent id, or under any that belongs to a host name, and gives
// its device. Of an agent that the Engine did not enroll only AgentIDs and Connected are filled in.
func (e *Engine) WaitConnected(ctx context.Context, agentIDOrHost string) (d Device, err error) {
	err = e.changed.wait(ctx, func() (found bool, err error) {
		d, found, err = e.connectedDevice(agentIDOrHost)
		return found, err
	})
	if err != nil {
		err = fmt.Errorf("%q: %w", agentIDOrHost, errors.Join(ErrNotConnected, err))
	}
	return d, err
}

func (e *Engine) connectedDevice(agentIDOrHost string) (Device, bool, error) {
	devices, err := e.listDevices()
	if err != nil {
		return Device{}, false, err
	}
	for _, d := range devices {
		if d.Connected && (strings.EqualFold(d.Hostname, agentIDOrHost) || e.Connected(agentIDOrHost) && slices.Contains(d.AgentIDs, agentIDOrHost)) {
			return d, true, nil
		}
	}
	for _, id := range e.hub.connected() {
		if host, _, _ := splitAgentID(id); id == agentIDOrHost || strings.EqualFold(host, strings.ReplaceAll(agentIDOrHost, " ", "-")) {
			return e.deviceOf(id, devices), true, nil
		}
	}
	return Device{}, false, nil
}

// deviceOf gives the known device that an agent id belongs to, or all that is known of the id.
func (e *Engine) deviceOf(agentID string, devices []Device) Device {
	for _, d := range devices {
		if slices.Contains(d.AgentIDs, agentID) {
			return d
		}
	}
	return Device{AgentIDs: []string{agentID}, Connected: true}
}

// Emit sends an event to the socket registered under an agent id, or to every socket when agentID is empty.
func (e *Engine) Emit(agentID, event string, data any) error {
	if agentID == "" {
		return e.hub.server.Broadcast(event, data)
	}
	s := e.hub.socket(agentID)
	if s == nil {
		return fmt.Errorf("%q: %w", agentID, ErrNotConnected)
	}
	return s.Emit(event, data)
}

// MuteAcks makes the Engine answer no acknowledgement from now on, or answer them again.
func (e *Engine) MuteAcks(muted bool) { e.muted.Store(muted) }

// Disconnect ends the socket registered under an agent id, from the Engine's side.
func (e *Engine) Disconnect(agentID string) error {
	s := e.hub.socket(agentID)
	if s == nil {
		return fmt.Errorf("%q: %w", agentID, ErrNotConnected)
	}
	return s.Close()
}

// onEvent records an event and answers those that the Engine has a handler for. What it has no handler for gets no
// acknowledgement, as python-socketio does.
func (e *Engine) onEvent(s *socketio.Socket, m socketio.Message) {
	var data json.RawMessage
	if len(m.Args) > 0 {
		data = m.Args[0]
	}
	var reply []any
	handled := true
	switch m.Event {
	case "connect_agent":
		reply = []any{e.connectAgent(s, data)}
	case "quick_job_result":
		e.takeResult(data)
	default:
		handled = false
	}
	if handled && m.Ack != nil && !e.muted.Load() {
		if err := m.Ack(reply...); err != nil {
			e.log.Warn("acknowledge", "event", m.Event, "error", err)
		}
	}
	e.record.event(Received{
		At: e.now(), SocketID: s.ID(), AgentID: e.hub.agentOf(s), Event: m.Event, Data: data, AckAsked: m.Ack != nil,
	})
	e.changed.fire()
}

// connectAgent registers a socket.
func (e *Engine) connectAgent(s *socketio.Socket, data json.RawMessage) object {
	id, mode := readConnect(data)
	if id == "" {
		return object{"error": "agent_id_required"}
	}
	e.hub.register(id, s)
	e.log.Info("agent connected", "agent_id", id, "service_mode", mode, "transport", s.Transport())
	return object{"status": "ok"}
}

// readConnect reads the payload of connect_agent: an object, or a bare string. What does not fit leaves the id empty.
func readConnect(data json.RawMessage) (agentID, serviceMode string) {
	var bare string
	if json.Unmarshal(data, &bare) == nil {
		return strings.TrimSpace(bare), ""
	}
	var b body
	if json.Unmarshal(data, &b) != nil {
		return "", ""
	}
	return b.text("agent_id"), b.text("service_mode")
}
