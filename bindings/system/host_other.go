//go:build !windows

package system

import "strings"

// domain is the part of the full name behind the first point, asked of nobody on the network.
func (m machine) domain(name string) string {
	if _, domain, ok := strings.Cut(name, "."); ok {
		return domain
	}
	if domain := m.line("proc/sys/kernel/domainname"); domain != "" && domain != "(none)" {
		return domain
	}
	return domainIn(m.line("etc/hosts"), name)
}
