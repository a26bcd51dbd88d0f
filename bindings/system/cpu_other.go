//go:build !windows

package system

import (
	"context"

	"github.com/shirou/gopsutil/v4/cpu"
)

// processors tells the name of the first that has one, how many sockets are filled, and the first one's clock.
func (m machine) processors(ctx context.Context) (name string, sockets int, mhz float64, err error) {
	list, err := cpu.InfoWithContext(ctx)
	filled := map[string]bool{}
	for _, c := range list {
		if name == "" && c.ModelName != "Undefined" { // what the library calls an ARM core that it does not know
			name = c.ModelName
		}
		if c.PhysicalID != "" {
			filled[c.PhysicalID] = true
		}
	}
	if len(list) > 0 {
		mhz = list[0].Mhz
	}
	return name, len(filled), mhz, err
}
