//go:build !linux && !darwin && !windows

package tunnel

import (
	"errors"
	"net/netip"

	"golang.zx2c4.com/wireguard/tun"
)

func openInterface(int, netip.Addr, netip.Addr) (tun.Device, error) {
	return nil, errors.ErrUnsupported
}
