package gate

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Offers takes the tunnels that were admitted, with their keys. Roles meet a tunnel's id and no key.
type Offers interface{ Keep(wire.TunnelStart) }

// withheld are the fields of a start that no role gets: what proved it, and its keys.
var withheld = [...]string{
	"token", "orchestration_token", "client_private_key", "preshared_key",
	"agent_guid", "client_virtual_ip", "server_endpoint", "public_key", "engine_ip",
}

// tunnelStart checks a start, hands it to Offers, and makes the event that roles get. Nothing but the token is signed:
// the rest is only held to the shape in which it can do no harm beyond the tunnel.
func (g *Gate) tunnelStart(ev wire.Event) (wire.Event, error) {
	refuse := func(err error) (wire.Event, error) { return wire.Event{}, fmt.Errorf("event %q: %w", ev.Name, err) }
	s, err := wire.ParseTunnelStart(ev.Data)
	if err != nil {
		return refuse(fmt.Errorf("%w: %w", ErrMalformed, err))
	}
	port, err := g.token(&s)
	if err != nil {
		return refuse(err)
	}
	if err := shape(&s, port); err != nil {
		return refuse(fmt.Errorf("%w: %w", ErrMalformed, err))
	}
	data, err := offered(s)
	if err != nil {
		return refuse(fmt.Errorf("%w: %w", ErrMalformed, err))
	}
	if g.cfg.Offers != nil {
		g.cfg.Offers.Keep(s)
	}
	return wire.Event{Name: ev.Name, Data: data, At: ev.At}, nil
}

// token checks what the Engine signed: whom it is for, until when, and which port it opens. The tunnel's id is then the
// signed one.
func (g *Gate) token(s *wire.TunnelStart) (port uint16, err error) {
	if s.Token == nil {
		return 0, fmt.Errorf("%w: no token", ErrUnverified)
	}
	agentID, err := s.Token.Text("agent_id")
	if err != nil || agentID == "" || agentID != g.cfg.AgentID() {
		return 0, fmt.Errorf("%w: the token is for %.200q", ErrUnverified, s.Token["agent_id"])
	}
	id, err := s.Token.Text("tunnel_id")
	if err != nil || id == "" || s.TunnelID != "" && s.TunnelID != id {
		return 0, fmt.Errorf("%w: the token is for tunnel %.80q", ErrUnverified, s.Token["tunnel_id"])
	}
	s.TunnelID = id
	if err := g.inTime(s.Token["expires_at"]); err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(s.Token["port"]), 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%w: the token is for port %.40q", ErrUnverified, s.Token["port"])
	}
	return uint16(n), g.signed(s.Token)
}

// inTime holds a time of the Engine's against the Engine's clock, as far as it is known.
func (g *Gate) inTime(raw json.RawMessage) error {
	expires, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsNaN(expires) || math.IsInf(expires, 0) {
		return fmt.Errorf("%w: the token expires at %.40q", ErrUnverified, raw)
	}
	now := g.cfg.Now()
	if left := expires - float64(now.UnixNano())/float64(time.Second); left <= 0 {
		return fmt.Errorf("%w: the token expired %.0f seconds ago", ErrUnverified, -left)
	}
	return nil
}

// signed verifies a token under the stored key. A key that the token brings along is never looked at.
func (g *Gate) signed(token wire.Object) error {
	alg, err := token.Text("sig_alg")
	if err != nil || !isEd25519(alg) {
		return fmt.Errorf("%w: signature algorithm %.40q is not supported", ErrUnverified, token["sig_alg"])
	}
	text, err := token.Text("signature")
	if err != nil || strip(text) == "" {
		return fmt.Errorf("%w: the token is not signed", ErrUnverified)
	}
	signature, err := base64.StdEncoding.DecodeString(strip(text))
	if err != nil || len(signature) != ed25519.SignatureSize {
		return fmt.Errorf("%w: the signature is not an Ed25519 signature in base64", ErrUnverified)
	}
	key := g.cfg.SigningKey()
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: no key of the Engine is stored to verify the token with", ErrUnverified)
	}
	message, err := canonical(token, "signature", "signing_key", "sig_alg")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !ed25519.Verify(key, message, signature) {
		return fmt.Errorf("%w: the signature does not fit the token and the stored key", ErrUnverified)
	}
	return nil
}

// shape checks what nobody signed, and fills in what the token says.
func shape(s *wire.TunnelStart, port uint16) error {
	if len(s.AllowedIPs) != 1 || !isHost(s.AllowedIPs[0]) {
		return fmt.Errorf("allowed_ips %.80q is not exactly one /32", s.AllowedIPs)
	}
	if !isHost(s.VirtualIP) {
		return fmt.Errorf("virtual_ip %.80q is not one /32", s.VirtualIP)
	}
	if s.Endpoint == "" {
		return errors.New("no endpoint")
	}
	host, text, err := net.SplitHostPort(s.Endpoint)
	if err != nil {
		host, text = strings.Trim(s.Endpoint, "[]"), strconv.Itoa(int(port)) // a host with no port
	}
	if text != strconv.Itoa(int(port)) {
		return fmt.Errorf("the token is for port %d, and the endpoint is %.200q", port, s.Endpoint)
	}
	s.Endpoint = net.JoinHostPort(host, text)
	for name, key := range map[string]string{
		"server_public_key": s.ServerPublicKey, "client_private_key": s.PrivateKey, "preshared_key": s.PresharedKey,
	} {
		raw, err := base64.StdEncoding.Strict().DecodeString(key)
		if missing := key == "" && name != "server_public_key"; !missing && (err != nil || len(raw) != 32) {
			return fmt.Errorf("%s is not a key of 32 bytes in base64", name)
		}
	}
	return nil
}

// isHost says whether text is one IPv4 address with its /32.
func isHost(text string) bool {
	p, err := netip.ParsePrefix(text)
	return err == nil && p.Addr().Is4() && p.Bits() == 32 && !p.Addr().IsUnspecified()
}

// offered is what roles get of a start: under one name each, and without its keys.
func offered(s wire.TunnelStart) (json.RawMessage, error) {
	fields := map[string]any{}
	for name, raw := range s.Fields {
		fields[name] = raw
	}
	for _, name := range withheld {
		delete(fields, name)
	}
	ports := s.AllowedPorts
	if ports == nil {
		ports = []uint16{}
	}
	for name, value := range map[string]any{
		"tunnel_id": s.TunnelID, "virtual_ip": s.VirtualIP, "engine_virtual_ip": strings.TrimSuffix(s.AllowedIPs[0], "/32"),
		"allowed_ips": s.AllowedIPs[0], "endpoint": s.Endpoint, "server_public_key": s.ServerPublicKey, "allowed_ports": ports,
	} {
		fields[name] = value
	}
	return json.Marshal(fields)
}
