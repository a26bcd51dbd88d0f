package system

import (
	"context"
	"fmt"

	"github.com/shirou/gopsutil/v4/mem"
)

// memory is the main memory.
type memory struct {
	Total   uint64   `lua:"total_bytes"`
	Modules []module `lua:"modules"`
}

func (m machine) memory(ctx context.Context) (memory, error) {
	v, err := mem.VirtualMemoryWithContext(m.elsewhere(ctx))
	if err != nil {
		return memory{}, fmt.Errorf("memory: %w", err)
	}
	return memory{Total: v.Total, Modules: modules(m.table())}, nil
}
