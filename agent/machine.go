package main

import (
	"context"
	"os/user"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"
)

// metrics is what a heartbeat says of the machine. What cannot be read is left at zero: a heartbeat without it is
// better than none.
func metrics(ctx context.Context) wire.Metrics {
	var m wire.Metrics
	if up, err := host.UptimeWithContext(ctx); err == nil {
		m.Uptime = int64(up)
	}
	if u, err := user.Current(); err == nil {
		m.Username = u.Username
	}
	// No interval: the share since the last heartbeat.
	if share, err := cpu.PercentWithContext(ctx, 0, false); err == nil && len(share) > 0 {
		m.CPUPercent = share[0]
	}
	if v, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		m.MemoryPercent = v.UsedPercent
	}
	return m
}
