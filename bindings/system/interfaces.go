package system

import (
	"context"
	"fmt"
	"net"
)

// networkInterface is one way into a network.
type networkInterface struct {
	Name     string   `lua:"name"`
	MAC      string   `lua:"mac"`
	IPv4     []string `lua:"ipv4"`
	IPv6     []string `lua:"ipv6"`
	Up       bool     `lua:"up"`
	Loopback bool     `lua:"loopback"`
	Speed    *int     `lua:"speed_mbps"`
}

func (m machine) interfaces(context.Context) ([]networkInterface, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("network interfaces: %w", err)
	}
	speeds := m.linkSpeeds()
	all := []networkInterface{}
	for _, i := range list {
		n := networkInterface{
			Name: i.Name, MAC: i.HardwareAddr.String(), IPv4: []string{}, IPv6: []string{},
			Up: i.Flags&net.FlagUp != 0, Loopback: i.Flags&net.FlagLoopback != 0,
		}
		if speed := speeds(i); speed > 0 {
			n.Speed = &speed
		}
		addresses, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("network interface %q: %w", i.Name, err)
		}
		for _, a := range addresses {
			n.add(a)
		}
		all = append(all, n)
	}
	return all, nil
}

// add takes an address that other machines can use: none that is only for its own link.
func (n *networkInterface) add(a net.Addr) {
	network, ok := a.(*net.IPNet)
	switch {
	case !ok:
	case network.IP.To4() != nil:
		n.IPv4 = append(n.IPv4, network.IP.String())
	case !network.IP.IsLinkLocalUnicast():
		n.IPv6 = append(n.IPv6, network.IP.String())
	}
}
