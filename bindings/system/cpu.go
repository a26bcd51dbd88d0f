package system

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/cpu"
)

// processor is all processors of the machine, which are taken to be alike.
type processor struct {
	Name     string   `lua:"name"`
	Sockets  *int     `lua:"sockets"`
	Physical *int     `lua:"physical_cores"`
	Logical  *int     `lua:"logical_cores"`
	Base     *float64 `lua:"base_ghz"`
}

func (m machine) cpu(ctx context.Context) (processor, error) {
	ctx = m.elsewhere(ctx)
	name, sockets, mhz, err := m.processors(ctx)
	if err != nil {
		return processor{}, fmt.Errorf("processors: %w", err)
	}
	p := processor{Name: strings.Join(strings.Fields(name), " "), Physical: count(ctx, false), Logical: count(ctx, true)}
	if sockets > 0 {
		p.Sockets = &sockets
	}
	p.Base = m.baseClock(p.Name, mhz)
	return p, nil
}

// count is nil where the system does not say.
func count(ctx context.Context, logical bool) *int {
	n, err := cpu.CountsWithContext(ctx, logical)
	if err != nil || n == 0 {
		return nil
	}
	return &n
}

// inName is the clock that makers of processors write into the name.
var inName = regexp.MustCompile(`@ ?([0-9]+(?:\.[0-9]+)?) ?GHz`)

// baseClock is the clock that the maker promises: what the kernel knows of it, else what stands in the name, else the
// clock that the library found, which may be the present or the highest one.
func (m machine) baseClock(name string, mhz float64) *float64 {
	ghz := mhz / 1000
	if found := inName.FindStringSubmatch(name); found != nil {
		ghz, _ = strconv.ParseFloat(found[1], 64) // digits and a point
	}
	if khz, err := strconv.ParseFloat(m.line("sys/devices/system/cpu/cpu0/cpufreq/base_frequency"), 64); err == nil {
		ghz = khz / 1e6
	}
	if ghz <= 0 {
		return nil
	}
	return &ghz
}
