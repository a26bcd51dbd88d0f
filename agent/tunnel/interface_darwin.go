package tunnel

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"

	"golang.zx2c4.com/wireguard/tun"
)

// openInterface makes the interface, which macOS names, with our address, the Engine's at its other end, and so the one
// route. It goes with its descriptor, however this process ends.
func openInterface(mtu int, self, peer netip.Addr) (tun.Device, error) {
	device, err := tun.CreateTUN("utun", mtu)
	if err != nil {
		return nil, fmt.Errorf("make utun: %w", err)
	}
	name, err := device.Name()
	if err == nil {
		err = run("/sbin/ifconfig", name, "inet", self.String(), peer.String(), "mtu", strconv.Itoa(mtu), "up")
	}
	if err != nil {
		return nil, errors.Join(err, device.Close())
	}
	return device, nil
}

func run(program string, args ...string) error {
	if said, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %.200s", program, err, said)
	}
	return nil
}
