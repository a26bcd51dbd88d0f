package enginetest

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/bunny-lab-io/borealis-agent/agent/socketio"
)

const socketPath = "/socket.io/"

// ErrNotConnected means that no socket is registered under an agent id.
var ErrNotConnected = errors.New("no such agent is connected")

// hub is the Engine's table of agents on sockets. As in the original, any socket may register any agent id, and the
// last one to do so is the one that is addressed.
type hub struct {
	server *socketio.Server

	mu      sync.Mutex
	sockets map[string]*socketio.Socket // by agent id
}

func newHub(cfg Config, onEvent func(*socketio.Socket, socketio.Message), changed *signal) *hub {
	h := &hub{sockets: map[string]*socketio.Socket{}}
	h.server = socketio.NewServer(socketio.ServerConfig{
		PingInterval: cfg.PingInterval, PingTimeout: cfg.PingTimeout,
		MaxPayload: maxBody,
		OnEvent:    onEvent,
		OnDisconnect: func(s *socketio.Socket, _ error) {
			h.forget(s)
			changed.fire()
		},
	})
	return h
}

func (h *hub) register(agentID string, s *socketio.Socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sockets[agentID] = s
}

func (h *hub) forget(s *socketio.Socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, owner := range h.sockets {
		if owner == s {
			delete(h.sockets, id)
		}
	}
}

func (h *hub) socket(agentID string) *socketio.Socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sockets[agentID]
}

// agentOf gives the agent id that a socket registered, one of them if it registered several.
func (h *hub) agentOf(s *socketio.Socket) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, owner := range h.sockets {
		if owner == s {
			return id
		}
	}
	return ""
}

// connected lists the registered agent ids in order.
func (h *hub) connected() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := make([]string, 0, len(h.sockets))
	for id := range h.sockets {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// mark adds to a device what the sockets tell.
func (h *hub) mark(d Device) Device {
	for _, id := range h.connected() {
		if _, guid, _ := splitAgentID(id); guid == d.GUID && guid != "" {
			d.Connected = true
			if !slices.Contains(d.AgentIDs, id) {
				d.AgentIDs = append(d.AgentIDs, id)
			}
		}
	}
	return d
}

// splitAgentID takes HOST_GUID_CONTEXT apart; the host may hold underscores of its own.
func splitAgentID(id string) (host, guid, context string) {
	rest, context, found := cutLast(id, "_")
	if !found {
		return "", "", ""
	}
	host, guid, _ = cutLast(rest, "_")
	return host, guid, context
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
