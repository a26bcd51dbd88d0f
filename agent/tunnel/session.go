package tunnel

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// Session is one tunnel that is up.
type Session struct {
	offer   wire.TunnelStart
	opened  time.Time
	tunnels *Tunnels
	net     *network
	device  *device.Device

	mu     sync.Mutex
	holds  int
	closed bool
	done   chan struct{} // closed once nothing is left
}

// start brings a session up.
func (t *Tunnels) start(ctx context.Context, offer wire.TunnelStart, o Options) (*Session, error) {
	config, err := t.configure(ctx, offer, o)
	if err != nil {
		return nil, err
	}
	n, err := newNetwork(offer, o, t.cfg.Dial)
	if err != nil {
		return nil, err
	}
	if t.cfg.Interface {
		if err := n.attach(); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	s := &Session{
		offer: offer, opened: time.Now(), tunnels: t, net: n, done: make(chan struct{}),
		device: device.NewDevice(n, conn.NewDefaultBind(), deviceLog(t.cfg.Log.With("tunnel", offer.TunnelID))),
	}
	if err = s.device.IpcSet(config); err == nil {
		err = s.device.Up()
	}
	if err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// deviceLog is what WireGuard says: it repeats itself, and its troubles are those of the way to the peer.
func deviceLog(log *slog.Logger) *device.Logger {
	say := func(format string, args ...any) { log.Debug(fmt.Sprintf(format, args...)) }
	return &device.Logger{Verbosef: say, Errorf: say}
}

// configure writes the offer as WireGuard's own protocol has it.
func (t *Tunnels) configure(ctx context.Context, offer wire.TunnelStart, o Options) (string, error) {
	for _, port := range o.Forward {
		if !allows(offer, port) {
			return "", fmt.Errorf("port %d: %w", port, ErrPort)
		}
	}
	private := offer.PrivateKey
	if private == "" {
		own, err := t.ownKey()
		if err != nil {
			return "", err
		}
		private = own
	}
	endpoint, err := t.endpoint(ctx, offer)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, key := range []struct{ name, text string }{
		{"private_key", private}, {"public_key", offer.ServerPublicKey}, {"preshared_key", offer.PresharedKey},
	} {
		raw, err := base64.StdEncoding.DecodeString(key.text)
		if err != nil {
			return "", fmt.Errorf("%s: not base64", key.name)
		}
		if len(raw) > 0 {
			fmt.Fprintf(&b, "%s=%s\n", key.name, hex.EncodeToString(raw))
		}
	}
	peer, err := netip.ParsePrefix(offer.AllowedIPs[0])
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "endpoint=%s\npersistent_keepalive_interval=%d\nallowed_ip=%s\n", endpoint, int(o.Keepalive.Seconds()), peer)
	return b.String(), nil
}

// Hold keeps the session up until release is called. The session ends with the last release: one version of a role can
// hand it to the next, and a role that is gone leaves none.
func (s *Session) Hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds++
	return sync.OnceFunc(s.letGo)
}

func (s *Session) letGo() {
	s.mu.Lock()
	s.holds--
	last := s.holds == 0
	s.mu.Unlock()
	if last {
		s.Close()
	}
}

// Close ends the session with all its connections, and waits for that.
func (s *Session) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		s.end()
		s.tunnels.forget(s)
		close(s.done)
	}
	<-s.done
	return nil
}

func (s *Session) end() {
	s.net.shut()
	s.device.Close() // closes the network too
}

// Listen takes the connections that the Engine makes to a port.
func (s *Session) Listen(port int) (net.Listener, error) {
	if !allows(s.offer, port) {
		return nil, fmt.Errorf("port %d: %w", port, ErrPort)
	}
	return s.net.listen(uint16(port))
}

// Dial connects to a port of the Engine's own address in the tunnel, which is the only one there.
func (s *Session) Dial(ctx context.Context, port int) (net.Conn, error) {
	return s.net.dial(ctx, uint16(port))
}

// allows says whether the Engine allows itself a port.
func allows(offer wire.TunnelStart, port int) bool {
	for _, allowed := range offer.AllowedPorts {
		if int(allowed) == port {
			return true
		}
	}
	return false
}
