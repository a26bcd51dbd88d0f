package tunnel

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

// endpoint is the address of the Engine's WireGuard. An Engine names the host by which somebody reached its web pages:
// when that is none at all, the machine itself or an address inside the tunnel, the host of the Engine's URL is meant.
func (t *Tunnels) endpoint(ctx context.Context, offer wire.TunnelStart) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(offer.Endpoint)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", ErrEndpoint, err)
	}
	if leadsNowhere(host, offer) {
		host = t.cfg.EngineHost()
	}
	addresses := []string{host}
	if _, err := netip.ParseAddr(host); err != nil {
		if addresses, err = t.cfg.Resolver.LookupHost(ctx, host); err != nil {
			return netip.AddrPort{}, fmt.Errorf("%w: %w", ErrEndpoint, err)
		}
	}
	if len(addresses) == 0 {
		return netip.AddrPort{}, fmt.Errorf("%w: %.200q", ErrEndpoint, host)
	}
	to, err := netip.ParseAddrPort(net.JoinHostPort(addresses[0], port))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", ErrEndpoint, err)
	}
	return netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), nil
}

func leadsNowhere(host string, offer wire.TunnelStart) bool {
	if host == "" || strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	return addr.IsLoopback() || addr.IsUnspecified() || addr.String()+"/32" == offer.AllowedIPs[0]
}
