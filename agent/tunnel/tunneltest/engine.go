// Package tunneltest is the Engine's side of a tunnel, for tests: a WireGuard peer in this process that uses WireGuard's
// own network stack, not the agent's. It listens on a UDP port of the machine and on no other, and needs no rights.
package tunneltest

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun/netstack"
)

// The addresses in the tunnel.
const (
	AgentIP  = "10.255.0.2"
	EngineIP = "10.255.0.1"
)

// Engine is one peer. Its stack is the Engine's network.
type Engine struct {
	*netstack.Net
	PublicKey string // base64, as an offer has it
	Port      string // UDP, on every address of the machine

	t      testing.TB
	device *device.Device
}

// Start starts a peer that admits nobody yet. It ends with the test.
func Start(t testing.TB) *Engine {
	t.Helper()
	dev, stack, err := netstack.CreateNetTUN([]netip.Addr{netip.MustParseAddr(EngineIP)}, nil, 1420)
	if err != nil {
		t.Fatal(err)
	}
	key := NewKey(t)
	e := &Engine{Net: stack, PublicKey: Text(key.PublicKey().Bytes()), t: t}
	e.device = device.NewDevice(dev, conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, ""))
	t.Cleanup(e.device.Close)
	e.set("private_key=%s\nlisten_port=0\n", hex.EncodeToString(key.Bytes()))
	if err := e.device.Up(); err != nil {
		t.Fatal(err)
	}
	e.Port = e.port()
	return e
}

// NewKey makes a WireGuard key.
func NewKey(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Text is a key as it travels.
func Text(key []byte) string { return base64.StdEncoding.EncodeToString(key) }

// Admit lets the agent with this public key in; preshared may be nil.
func (e *Engine) Admit(key *ecdh.PublicKey, preshared []byte) {
	e.t.Helper()
	if preshared == nil {
		preshared = make([]byte, 32)
	}
	e.set("public_key=%s\npreshared_key=%s\nallowed_ip=%s/32\n", hex.EncodeToString(key.Bytes()), hex.EncodeToString(preshared), AgentIP)
}

func (e *Engine) set(format string, args ...any) {
	e.t.Helper()
	if err := e.device.IpcSet(fmt.Sprintf(format, args...)); err != nil {
		e.t.Fatal(err)
	}
}

func (e *Engine) port() string {
	e.t.Helper()
	text, err := e.device.IpcGet()
	if err != nil {
		e.t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if port, ok := strings.CutPrefix(strings.TrimSpace(line), "listen_port="); ok {
			return port
		}
	}
	e.t.Fatal("the peer has no port")
	return ""
}

// Connect connects to a port of the agent's address.
func (e *Engine) Connect(port int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(e.t.Context(), 20*time.Second)
	defer cancel()
	return e.DialContextTCPAddrPort(ctx, netip.AddrPortFrom(netip.MustParseAddr(AgentIP), uint16(port)))
}
