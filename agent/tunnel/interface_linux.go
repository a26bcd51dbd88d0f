package tunnel

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"
)

// openInterface makes the interface, with our address, the Engine's at its other end, and so the one route. It goes with
// its descriptor, however this process ends.
func openInterface(mtu int, self, peer netip.Addr) (tun.Device, error) {
	device, err := tun.CreateTUN(interfaceName, mtu)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", interfaceName, err)
	}
	if err := point(self, peer); err != nil {
		return nil, errors.Join(fmt.Errorf("set up %s: %w", interfaceName, err), device.Close())
	}
	return device, nil
}

// point sets both ends of the interface and brings it up.
func point(self, peer netip.Addr) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	for _, step := range []struct {
		request uint
		set     func(*unix.Ifreq) error
	}{
		{unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(self.AsSlice()) }},
		{unix.SIOCSIFDSTADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(peer.AsSlice()) }},
		{unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error {
			r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_POINTOPOINT | unix.IFF_NOARP)
			return nil
		}},
	} {
		request, err := unix.NewIfreq(interfaceName)
		if err == nil {
			err = step.set(request)
		}
		if err == nil {
			err = unix.IoctlIfreq(socket, step.request, request)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
