package system

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	gopsutil "github.com/shirou/gopsutil/v4/host"
)

// hostInfo is what the machine is called, whose agent runs on it, and since when it is up.
type hostInfo struct {
	Name   string    `lua:"name"`
	Domain string    `lua:"domain"`
	User   string    `lua:"user"`
	Boot   time.Time `lua:"boot_time"`
	Uptime float64   `lua:"uptime"`
}

func (m machine) host(ctx context.Context) (hostInfo, error) {
	name, err := os.Hostname()
	if err != nil {
		return hostInfo{}, fmt.Errorf("host name: %w", err)
	}
	boot, err := gopsutil.BootTimeWithContext(m.elsewhere(ctx))
	if err != nil {
		return hostInfo{}, fmt.Errorf("boot time: %w", err)
	}
	h := hostInfo{Name: name, Domain: m.domain(name), Boot: time.Unix(int64(boot), 0)}
	h.Uptime = max(m.now().Sub(h.Boot).Seconds(), 0)
	if u, err := user.Current(); err == nil { // a process may have a user that has no name
		h.User = u.Username[strings.LastIndex(u.Username, `\`)+1:]
	}
	return h, nil
}

// domainIn finds the domain of a host name in the text of a hosts file; "" when it is not there.
func domainIn(hosts, name string) string {
	for line := range strings.Lines(hosts) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		for _, f := range fields[min(1, len(fields)):] {
			if domain, ok := strings.CutPrefix(strings.ToLower(f), strings.ToLower(name)+"."); ok && domain != "localdomain" {
				return domain
			}
		}
	}
	return ""
}
