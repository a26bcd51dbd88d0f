package tunnel

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/tun"
)

// openInterface makes the interface by wintun.dll, which must lie beside the agent, with our address and the one route.
// Wintun removes it with the process.
func openInterface(mtu int, self, peer netip.Addr) (tun.Device, error) {
	device, err := tun.CreateTUN(interfaceName, mtu)
	if err != nil {
		return nil, fmt.Errorf("make %s (wintun.dll of https://www.wintun.net must lie beside the agent): %w", interfaceName, err)
	}
	for _, args := range [][]string{
		{"interface", "ipv4", "set", "address", "name=" + interfaceName, "source=static", "address=" + self.String(), "mask=255.255.255.255", "store=active"},
		{"interface", "ipv4", "set", "subinterface", interfaceName, "mtu=" + strconv.Itoa(mtu), "store=active"},
		{"interface", "ipv4", "add", "route", "prefix=" + peer.String() + "/32", "interface=" + interfaceName, "store=active"},
	} {
		if err := netsh(args...); err != nil {
			return nil, errors.Join(err, device.Close())
		}
	}
	return device, nil
}

func netsh(args ...string) error {
	system, err := windows.GetSystemDirectory()
	if err != nil {
		return err
	}
	if said, err := exec.Command(filepath.Join(system, "netsh.exe"), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("netsh %q: %w: %.200s", args, err, said)
	}
	return nil
}
