package main

import (
	"context"
	"os/user"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"
)

// machine is what a heartbeat says of the machine. What cannot be read is left at zero: a heartbeat without it is
// better than none.
type machine struct {
	Uptime        int64
	Username      string
	CPUPercent    float64
	MemoryPercent float64
}

func measure(ctx context.Context) machine {
	var m machine
	if up, err := host.UptimeWithContext(ctx); err == nil {
		m.Uptime = int64(up)
	}
	if u, err := user.Current(); err == nil {
		m.Username = u.Username
	}
	// No interval: the share since the last heartbeat.
	if share, err := cpu.PercentWithContext(ctx, time.Duration(0), false); err == nil && len(share) > 0 {
		m.CPUPercent = share[0]
	}
	if v, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		m.MemoryPercent = v.UsedPercent
	}
	return m
}
