package rdp

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// Where Windows keeps what is looked at.
const (
	serverKey   = `SYSTEM\CurrentControlSet\Control\Terminal Server`
	listenerKey = serverKey + `\WinStations\RDP-Tcp`
	policyKey   = `SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services`
	rulesKey    = `SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules`

	// denyValue refuses connections when it is 1; it also stands in policies, which come first.
	denyValue = "fDenyTSConnections"
)

// number reads a value; nil when there is none.
func number(key, name string) (*uint64, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("registry key %q: %w", key, err)
	}
	defer k.Close()
	n, _, err := k.GetIntegerValue(name)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("registry value %q: %w", name, err)
	}
	return &n, nil
}

// is reports whether a value is the one that is given; nil when there is none.
func is(value *uint64, wanted uint64) *bool {
	if value == nil {
		return nil
	}
	same := *value == wanted
	return &same
}

func (m *module) look() (state, error) {
	s := state{Server: "termservice", Port: 3389}
	deny, err := number(serverKey, denyValue)
	if err != nil {
		return state{}, err
	}
	policy, err := number(policyKey, denyValue)
	if err != nil {
		return state{}, err
	}
	nla, err := number(listenerKey, "UserAuthentication")
	if err != nil {
		return state{}, err
	}
	if port, err := number(listenerKey, "PortNumber"); err == nil && port != nil && *port > 0 && *port < 1<<16 {
		s.Port = int(*port)
	}
	s.Connections, s.Policy, s.NLA = is(deny, 0), is(policy, 0), is(nla, 1)
	if s.Start, s.Running, err = serviceState(); err != nil {
		return state{}, err
	}
	s.Firewall, err = readFirewall()
	return s, err
}

func readFirewall() (string, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, rulesKey, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if errors.Is(err, registry.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("firewall's rules: %w", err)
	}
	defer k.Close()
	names, err := k.ReadValueNames(-1)
	if err != nil {
		return "", fmt.Errorf("firewall's rules: %w", err)
	}
	var rules []string
	for _, name := range names {
		if rule, _, err := k.GetStringValue(name); err == nil {
			rules = append(rules, rule)
		}
	}
	return firewallState(rules, ruleGroup), nil
}

// apply changes what is named, in the order in which it does no harm: nobody is let in before the server runs.
func (m *module) apply(ctx context.Context, c changes) error {
	if c.Start != "" {
		if err := setStart(c.Start); err != nil {
			return err
		}
	}
	if c.Running != nil {
		if err := setRunning(ctx, *c.Running); err != nil {
			return err
		}
	}
	if c.Connections != nil {
		if err := setConnections(*c.Connections); err != nil {
			return err
		}
	}
	if c.Firewall != nil {
		return setFirewall(*c.Firewall)
	}
	return nil
}

func setConnections(on bool) error {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, serverKey, registry.SET_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return fmt.Errorf("registry key %q: %w", serverKey, err)
	}
	defer k.Close()
	deny := uint32(1)
	if on {
		deny = 0
	}
	if err := k.SetDWordValue(denyValue, deny); err != nil {
		return fmt.Errorf("registry value %q: %w", denyValue, err)
	}
	return nil
}
