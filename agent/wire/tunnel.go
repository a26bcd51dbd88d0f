package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// TunnelStart is what an Engine offers as a tunnel: the payload of vpn_tunnel_start and the answer of the path
// /api/agent/vpn/ensure. Only Token is signed; nothing else has been checked beyond its type.
type TunnelStart struct {
	Fields Object // the whole payload as text

	TunnelID        string
	AgentID         string
	VirtualIP       string   // the agent's address, as "10.255.0.2/32"
	EngineVirtualIP string   // the Engine's, with no mask
	AllowedIPs      []string // what may come out of the tunnel
	Endpoint        string   // host:port of the Engine's WireGuard
	ServerPublicKey string
	PrivateKey      string // the agent's for this session; "" means the agent's own
	PresharedKey    string
	AllowedPorts    []uint16
	Token           Object
}

// ParseTunnelStart reads a start under all names that its fields have.
func ParseTunnelStart(data []byte) (TunnelStart, error) {
	fields, err := ParseObject(data)
	if err != nil {
		return TunnelStart{}, err
	}
	s := TunnelStart{Fields: fields}
	if err := s.readTexts(); err != nil {
		return TunnelStart{}, err
	}
	if raw := fields.Members(s.name("token")); raw != nil {
		if s.Token, err = ParseObject(raw); err != nil {
			return TunnelStart{}, fmt.Errorf("token: %w", err)
		}
	}
	if s.AllowedIPs, err = fields.list("allowed_ips"); err != nil {
		return TunnelStart{}, err
	}
	if len(s.AllowedIPs) == 0 && s.EngineVirtualIP != "" {
		s.AllowedIPs = []string{strings.TrimSuffix(s.EngineVirtualIP, "/32") + "/32"}
	}
	s.AllowedPorts, err = fields.ports("allowed_ports")
	return s, err
}

// tunnelAlias is the other name that a field has on the wire, "" when it has none.
func tunnelAlias(field string) string {
	switch field {
	case "agent_id":
		return "agent_guid"
	case "virtual_ip":
		return "client_virtual_ip"
	case "endpoint":
		return "server_endpoint"
	case "server_public_key":
		return "public_key"
	case "engine_virtual_ip":
		return "engine_ip"
	case "token":
		return "orchestration_token"
	}
	return ""
}

// name is the name that a field has in this payload: the Engine's own before the other.
func (s TunnelStart) name(field string) string {
	switch string(s.Fields[field]) {
	case "", "null", `""`:
		if alias := tunnelAlias(field); s.Fields[alias] != nil {
			return alias
		}
	}
	return field
}

func (s *TunnelStart) readTexts() error {
	for field, to := range map[string]*string{
		"tunnel_id": &s.TunnelID, "agent_id": &s.AgentID, "virtual_ip": &s.VirtualIP, "endpoint": &s.Endpoint,
		"engine_virtual_ip": &s.EngineVirtualIP, "server_public_key": &s.ServerPublicKey,
		"client_private_key": &s.PrivateKey, "preshared_key": &s.PresharedKey,
	} {
		text, err := s.Fields.Text(s.name(field))
		if err != nil {
			return err
		}
		*to = strings.TrimSpace(text)
	}
	return nil
}

// list is an array of strings under key, or one string with commas.
func (o Object) list(key string) ([]string, error) {
	var list []string
	if text, err := o.Text(key); err == nil {
		list = strings.Split(text, ",")
	} else if json.Unmarshal(o[key], &list) != nil {
		return nil, &FieldError{Field: key, Want: "a string or a list of strings"}
	}
	var full []string
	for _, item := range list {
		if item = strings.TrimSpace(item); item != "" {
			full = append(full, item)
		}
	}
	return full, nil
}

// ports is an array of ports under key, as numbers or as texts, or one string with commas.
func (o Object) ports(key string) ([]uint16, error) {
	list, err := o.list(key)
	if err != nil {
		var items []json.RawMessage
		if json.Unmarshal(o[key], &items) != nil {
			return nil, &FieldError{Field: key, Want: "a list of ports"}
		}
		for _, item := range items {
			list = append(list, string(bytes.Trim(item, `" `)))
		}
	}
	var ports []uint16
	for _, item := range list {
		port, err := strconv.ParseUint(item, 10, 16)
		if err != nil || port == 0 {
			return nil, &FieldError{Field: key, Want: "a list of ports"}
		}
		ports = append(ports, uint16(port))
	}
	return ports, nil
}
